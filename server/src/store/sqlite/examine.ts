import { existsSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import Database from 'better-sqlite3'
import { listBackups } from '../backup/backup.ts'
import { findBrokenPage, isCorruption } from '../backup/manifest.ts'
import { describeBrokenPage } from '../event-log/check.ts'
import { SchemaError } from '../migrations/migrate.ts'
import { findSchemaDifferences, readMigrationStates, withReadOnly } from '../migrations/schema-state.ts'
import { acquireLock, resolveDatabaseFile } from './file-lock.ts'
import { refuseOldSqlite } from './sqlite.ts'

/** The result of one check. */
export interface CheckResult {
  readonly check: string
  /** `failed`: the server cannot work, or data is at risk now. `warning`: it will be, or may be. */
  readonly state: 'ok' | 'warning' | 'failed'
  readonly message: string
}

export interface ExamineOptions {
  readonly file: string
  readonly backupDir: string
  /** Time of the wall clock. */
  readonly at: number
}

type UnnamedCheckResult = Omit<CheckResult, 'check'>
type CheckFunction = (examined: ExamineOptions) => UnnamedCheckResult

const okResult = (message: string): UnnamedCheckResult => ({ state: 'ok', message })
const warningResult = (message: string): UnnamedCheckResult => ({ state: 'warning', message })
const failedResult = (message: string): UnnamedCheckResult => ({ state: 'failed', message })

const mebibyte = 1_048_576
const inMebibytes = (bytes: number): string => `${Math.round(bytes / mebibyte)} MiB`
const hourMs = 3_600_000

function checkSqliteVersion(): UnnamedCheckResult {
  const database = new Database(':memory:')
  const version = database.prepare<[], string>('SELECT sqlite_version()').pluck().get() ?? '0'
  database.close()
  refuseOldSqlite(version)
  return okResult(`SQLite ${version}, Node ${process.versions.node}`)
}

function checkSchema({ file }: ExamineOptions): UnnamedCheckResult {
  const missing = readMigrationStates(file).filter(({ applied }) => !applied)
  const differences = findSchemaDifferences(file)
  if (differences.length > 0)
    return failedResult(`the schema differs from its migrations: ${differences.slice(0, 3).join('; ')}`)
  if (missing.length > 0) return warningResult(`${missing.length} migrations are to be applied: the next start does so`)
  return okResult('up to date and equal to its migrations')
}

function checkIntegrity({ file }: ExamineOptions): UnnamedCheckResult {
  const found = withReadOnly(file, (database) => database.pragma('quick_check(1)', { simple: true }))
  return found === 'ok'
    ? okResult('quick_check found nothing')
    : failedResult(`it is damaged, restore a backup: ${String(found)}`)
}

function checkEvents({ file }: ExamineOptions): UnnamedCheckResult {
  const broken = withReadOnly(file, findBrokenPage)
  return broken
    ? failedResult(`${describeBrokenPage(broken)}: restore a backup`)
    : okResult('their pages are whole and join')
}

function checkOwner({ file }: ExamineOptions): UnnamedCheckResult {
  const real = resolveDatabaseFile(file)
  if (!existsSync(`${real}.lock`)) return okResult('no server has it open')
  const release = acquireLock(real)
  release?.()
  return okResult(release ? 'no server has it open' : 'a server has it open')
}

function checkWal({ file }: ExamineOptions): UnnamedCheckResult {
  const path = `${resolveDatabaseFile(file)}-wal`
  const bytes = existsSync(path) ? statSync(path).size : 0
  const message = `the log holds ${inMebibytes(bytes)}`
  return bytes > 256 * mebibyte
    ? warningResult(`${message}: a read transaction stays open, or the disk is too slow for the checkpoints`)
    : okResult(message)
}

function checkDisk({ file }: ExamineOptions): UnnamedCheckResult {
  const { bavail, bsize } = statfsSync(dirname(resolveDatabaseFile(file)))
  const free = bavail * bsize
  const message = `${inMebibytes(free)} are free`
  if (free < 64 * mebibyte) return failedResult(`${message}: writes will soon fail`)
  // A backup is as large as the database.
  return free < 2 * statSync(file).size
    ? warningResult(`${message}: too little for another backup and a restore`)
    : okResult(message)
}

function checkBackupAge({ file, backupDir: folder, at }: ExamineOptions): UnnamedCheckResult {
  const newest = listBackups(file, folder).at(-1)
  if (newest === undefined) return warningResult(`there is no backup in ${folder}: tony-mcp backup`)
  const hours = Math.round((at - statSync(newest).mtimeMs) / hourMs)
  const message = `the newest, ${basename(newest)}, is ${hours} h old`
  return hours > 26 ? warningResult(message) : okResult(message)
}

/**
 * Leases follow the last commit, so a wall clock that was set back does them no harm. The store's
 * time runs ahead of the wall clock until the wall clock has caught up.
 */
function checkClock({ file, at }: ExamineOptions): UnnamedCheckResult {
  const last = withReadOnly(file, (database) =>
    database.prepare<[], string>("SELECT value FROM store_facts WHERE name = 'last_commit'").pluck().get(),
  )
  const ahead = Number(last ?? 0) - at
  if (ahead > 5_000) return warningResult(`the last commit is ${Math.round(ahead / 1_000)} s ahead of this clock`)
  return okResult('the last commit is not ahead of this clock')
}

/** In this order; after a failed check, the following results may mean little. */
const checks: Readonly<Record<string, CheckFunction>> = {
  versions: checkSqliteVersion,
  file: ({ file }) =>
    existsSync(file)
      ? okResult(`${file}, ${inMebibytes(statSync(file).size)}`)
      : failedResult(`${file} does not exist`),
  owner: checkOwner,
  schema: checkSchema,
  integrity: checkIntegrity,
  events: checkEvents,
  log: checkWal,
  disk: checkDisk,
  backups: checkBackupAge,
  clock: checkClock,
}

/**
 * Runs the checks on a database and its surroundings. It changes nothing, and a server may be
 * running.
 */
export function examineSqlite(examined: ExamineOptions): readonly CheckResult[] {
  const findings: CheckResult[] = []
  for (const [check, run] of Object.entries(checks)) {
    findings.push({ check, ...runCheck(run, examined) })
    if (check === 'file' && findings.at(-1)?.state === 'failed') break
  }
  return findings
}

function runCheck(check: CheckFunction, examined: ExamineOptions): UnnamedCheckResult {
  try {
    return check(examined)
  } catch (error) {
    if (error instanceof SchemaError) return failedResult(error.message)
    if (isCorruption(error)) return failedResult(`it is damaged, restore a backup: ${error.message}`)
    throw error
  }
}
