import { existsSync, readFileSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { type BrokenPage, brokenPagesSql, describeBrokenPage } from '../event-log/check.ts'
import { sha256Of } from '../file-sync.ts'
import {
  readAppliedMigrations,
  readSqliteMigrations,
  refuseForeignDatabase,
  refuseUnknownMigrations,
  SchemaError,
} from '../migrations/migrate.ts'

/** A backup cannot be written or used; the message has the reason. The database was not changed. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

const manifestSchema = z.object({
  format: z.literal('tony-mcp backup 1'),
  /** Version of Tony MCP that wrote the backup. */
  product: z.string(),
  createdAt: z.iso.datetime(),
  bytes: z.int(),
  sha256: z.string(),
  /** Number of its newest migration. */
  schema: z.int(),
  epoch: z.string(),
  /** Time of its last commit in milliseconds since 1970. */
  lastCommit: z.int(),
  /** Number of the last event of each project. */
  feeds: z.array(z.object({ project: z.string(), name: z.string(), seq: z.int() })),
})

/** The description of a backup, in a file beside it. */
export type Manifest = z.output<typeof manifestSchema>

export const manifestPathOf = (file: string): string => `${file}.json`

/**
 * Reads the manifest's description of a database. Throws BackupError if the database is damaged.
 */
export function describeDatabase(file: string): Pick<Manifest, 'schema' | 'epoch' | 'lastCommit' | 'feeds'> {
  const database = new Database(file, { readonly: true })
  try {
    refuseForeignDatabase(database)
    refuseCorrupt(database, file)
    const fact = database.prepare<[string], { value: string }>('SELECT value FROM store_facts WHERE name = ?')
    const applied = database.prepare<[], number>('SELECT max(number) FROM schema_migrations').pluck()
    const feeds = database.prepare<[], Manifest['feeds'][number]>(
      'SELECT id AS project, name, seq FROM projects ORDER BY id',
    )
    refuseUnknownMigrations(readAppliedMigrations(database), readSqliteMigrations())
    const broken = findBrokenPage(database)
    if (broken) throw new BackupError(`${file} is damaged: ${describeBrokenPage(broken)}`)
    return {
      schema: applied.get() ?? -1,
      epoch: fact.get('epoch')?.value ?? '',
      lastCommit: Number(fact.get('last_commit')?.value ?? 0),
      feeds: feeds.all(),
    }
  } catch (error) {
    if (!isCorruption(error)) throw error
    throw new BackupError(`${file} is damaged: ${error.message}`, { cause: error })
  } finally {
    database.close()
  }
}

/** True if SQLite cannot read the file. Its integrity check may also throw such an error. */
export const isCorruption = (error: unknown): error is Error =>
  error instanceof Database.SqliteError && /^SQLITE_(NOTADB|CORRUPT|IOERR)/.test(error.code)

/**
 * Returns the first page of events that is not whole. A file may be from before there were pages.
 */
export function findBrokenPage(database: Database.Database): BrokenPage | undefined {
  const hasPages = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'event_pages'").get() !== undefined
  return hasPages ? database.prepare<[], BrokenPage>(brokenPagesSql('char(10)')).get() : undefined
}

function refuseCorrupt(database: Database.Database, file: string): void {
  const found = database.pragma('integrity_check(3)')
  const problems = z.array(z.object({ integrity_check: z.string() })).parse(found)
  const messages = problems.map((problem) => problem.integrity_check)
  if (messages.join() !== 'ok') throw new BackupError(`${file} is damaged: ${messages.join('; ').slice(0, 300)}`)
  const dangling = z.array(z.unknown()).parse(database.pragma('foreign_key_check'))
  if (dangling.length > 0)
    throw new BackupError(`${file} is damaged: ${dangling.length} foreign keys refer to missing rows`)
}

function readManifest(file: string): Manifest {
  if (!existsSync(file)) throw new BackupError(`${file} does not exist`)
  const path = manifestPathOf(file)
  if (!existsSync(path)) throw new BackupError(`${file} has no manifest ${path} beside it: it is not a complete backup`)
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BackupError(`${path} is not the manifest of a backup`, { cause })
  }
}

/**
 * Checks that a backup is complete, unchanged, sound, ours and not too new. Throws BackupError or
 * SchemaError.
 */
export function checkBackup(file: string): Manifest {
  const manifest = readManifest(file)
  const { size } = statSync(file)
  if (size !== manifest.bytes) throw new BackupError(`${file} has ${size} bytes of ${manifest.bytes}: it is not whole`)
  if (sha256Of(file) !== manifest.sha256)
    throw new BackupError(`${file} was changed since it was made: its SHA-256 differs`)
  const contents = describeDatabase(file)
  const declared = {
    schema: manifest.schema,
    epoch: manifest.epoch,
    lastCommit: manifest.lastCommit,
    feeds: manifest.feeds,
  }
  if (JSON.stringify(contents) !== JSON.stringify(declared))
    throw new SchemaError(`the contents of ${file} differ from its manifest ${manifestPathOf(file)}`)
  return manifest
}
