import { existsSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import Database from 'better-sqlite3'
import { listBackups } from '../backup/backup.ts'
import { isDamage } from '../backup/manifest.ts'
import { refuseForeign, SchemaError } from '../migrations/migrate.ts'
import { migrationStates, schemaDifferences } from '../migrations/schema-state.ts'
import { lockBeside, realFile } from './file-lock.ts'
import { refuseOld } from './sqlite.ts'

/** One thing that was looked at. */
export interface Finding {
  readonly check: string
  /** `failed`: it cannot work, or data is at risk now. `warning`: it will, or may, be. */
  readonly state: 'ok' | 'warning' | 'failed'
  readonly says: string
}

export interface Examined {
  readonly file: string
  readonly backups: string
  /** The wall clock. */
  readonly at: number
}

type Verdict = Omit<Finding, 'check'>
type Check = (examined: Examined) => Verdict

const ok = (says: string): Verdict => ({ state: 'ok', says })
const warning = (says: string): Verdict => ({ state: 'warning', says })
const failed = (says: string): Verdict => ({ state: 'failed', says })

const mebibyte = 1_048_576
const inMebibytes = (bytes: number): string => `${Math.round(bytes / mebibyte)} MiB`
const hour = 3_600_000

function within<T>(file: string, use: (database: Database.Database) => T): T {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 })
  try {
    refuseForeign(database)
    return use(database)
  } finally {
    database.close()
  }
}

function sqliteVersion(): Verdict {
  const database = new Database(':memory:')
  const version = database.prepare<[], string>('SELECT sqlite_version()').pluck().get() ?? '0'
  database.close()
  refuseOld(version)
  return ok(`SQLite ${version}, Node ${process.versions.node}`)
}

function schema({ file }: Examined): Verdict {
  const missing = migrationStates(file).filter(({ applied }) => !applied)
  const differences = schemaDifferences(file)
  if (differences.length > 0) return failed(`it is not what its migrations make: ${differences.slice(0, 3).join('; ')}`)
  if (missing.length > 0) return warning(`${missing.length} migrations are to be applied: the next start does so`)
  return ok('up to date, and what its migrations make')
}

function integrity({ file }: Examined): Verdict {
  const said = within(file, (database) => database.pragma('quick_check(1)', { simple: true }))
  return said === 'ok' ? ok('quick_check found nothing') : failed(`it is damaged, restore a backup: ${String(said)}`)
}

function owner({ file }: Examined): Verdict {
  const real = realFile(file)
  if (!existsSync(`${real}.lock`)) return ok('no server has it open')
  const release = lockBeside(real)
  release?.()
  return ok(release ? 'no server has it open' : 'a server has it open')
}

function log({ file }: Examined): Verdict {
  const path = `${realFile(file)}-wal`
  const bytes = existsSync(path) ? statSync(path).size : 0
  const says = `the log holds ${inMebibytes(bytes)}`
  return bytes > 256 * mebibyte ? warning(`${says}: something reads without an end, or the disk is too slow`) : ok(says)
}

function disk({ file }: Examined): Verdict {
  const { bavail, bsize } = statfsSync(dirname(realFile(file)))
  const free = bavail * bsize
  const says = `${inMebibytes(free)} are free`
  if (free < 64 * mebibyte) return failed(`${says}: soon nothing can be written`)
  // A backup is as large as the database.
  return free < 2 * statSync(file).size ? warning(`${says}: too little for another backup and a restore`) : ok(says)
}

function backups({ file, backups: folder, at }: Examined): Verdict {
  const newest = listBackups(file, folder).at(-1)
  if (newest === undefined) return warning(`there is no backup in ${folder}: tony-mcp backup`)
  const hours = Math.round((at - statSync(newest).mtimeMs) / hour)
  const says = `the newest, ${basename(newest)}, is ${hours} h old`
  return hours > 26 ? warning(says) : ok(says)
}

/** A wall clock that was set back is no harm to leases, which follow the last commit; but the two run apart until it has caught up. */
function clock({ file, at }: Examined): Verdict {
  const last = within(file, (database) =>
    database.prepare<[], string>("SELECT value FROM store_facts WHERE name = 'last_commit'").pluck().get(),
  )
  const ahead = Number(last ?? 0) - at
  if (ahead > 5_000) return warning(`the last commit is ${Math.round(ahead / 1_000)} s ahead of this clock`)
  return ok('the last commit is not ahead of this clock')
}

/** In this order; what is after a failed one may say little. */
const checks: Readonly<Record<string, Check>> = {
  versions: sqliteVersion,
  file: ({ file }) =>
    existsSync(file) ? ok(`${file}, ${inMebibytes(statSync(file).size)}`) : failed(`${file} does not exist`),
  owner,
  schema,
  integrity,
  log,
  disk,
  backups,
  clock,
}

/** Looks at a database and what is around it, which a server may be using. Changes nothing. */
export function examine(examined: Examined): readonly Finding[] {
  const findings: Finding[] = []
  for (const [check, look] of Object.entries(checks)) {
    findings.push({ check, ...looked(look, examined) })
    if (check === 'file' && findings.at(-1)?.state === 'failed') break
  }
  return findings
}

function looked(look: Check, examined: Examined): Verdict {
  try {
    return look(examined)
  } catch (error) {
    if (error instanceof SchemaError) return failed(error.message)
    if (isDamage(error)) return failed(`it is damaged, restore a backup: ${error.message}`)
    throw error
  }
}
