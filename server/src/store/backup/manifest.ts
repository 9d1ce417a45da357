import { existsSync, readFileSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { sha256Of } from '../file-sync.ts'
import {
  readAppliedMigrations,
  refuseForeignDatabase,
  refuseUnknownMigrations,
  SchemaError,
  sqliteMigrations,
} from '../migrations/migrate.ts'

/** A backup cannot be made or cannot be used, with the reason. The database was not touched. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

const manifestSchema = z.object({
  format: z.literal('tony-mcp backup 1'),
  /** Version of the program that made it. */
  product: z.string(),
  createdAt: z.iso.datetime(),
  bytes: z.int(),
  sha256: z.string(),
  /** Number of the newest migration in it. */
  schema: z.int(),
  epoch: z.string(),
  /** Time of the last commit in it, in milliseconds since 1970. */
  lastCommit: z.int(),
  /** Number of the last event in it, by project. */
  feeds: z.array(z.object({ project: z.string(), name: z.string(), seq: z.int() })),
})

/** What a backup says of itself, in a file beside it. */
export type Manifest = z.output<typeof manifestSchema>

export const manifestPathOf = (file: string): string => `${file}.json`

/** What is in a database, as a manifest tells it. Throws BackupError when any of it is broken. */
export function readContents(file: string): Pick<Manifest, 'schema' | 'epoch' | 'lastCommit' | 'feeds'> {
  const database = new Database(file, { readonly: true })
  try {
    refuseForeignDatabase(database)
    refuseCorrupt(database, file)
    const fact = database.prepare<[string], { value: string }>('SELECT value FROM store_facts WHERE name = ?')
    const applied = database.prepare<[], number>('SELECT max(number) FROM schema_migrations').pluck()
    const feeds = database.prepare<[], Manifest['feeds'][number]>(
      'SELECT id AS project, name, seq FROM projects ORDER BY id',
    )
    refuseUnknownMigrations(readAppliedMigrations(database), sqliteMigrations())
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

/** Whether SQLite could make nothing of the file, which its own check too may say by throwing. */
export const isCorruption = (error: unknown): error is Error =>
  error instanceof Database.SqliteError && /^SQLITE_(NOTADB|CORRUPT|IOERR)/.test(error.code)

function refuseCorrupt(database: Database.Database, file: string): void {
  const found = database.pragma('integrity_check(3)')
  const problems = z.array(z.object({ integrity_check: z.string() })).parse(found)
  const messages = problems.map((problem) => problem.integrity_check)
  if (messages.join() !== 'ok') throw new BackupError(`${file} is damaged: ${messages.join('; ').slice(0, 300)}`)
  const dangling = z.array(z.unknown()).parse(database.pragma('foreign_key_check'))
  if (dangling.length > 0) throw new BackupError(`${file} is damaged: ${dangling.length} references lead nowhere`)
}

function readManifest(file: string): Manifest {
  if (!existsSync(file)) throw new BackupError(`${file} does not exist`)
  const path = manifestPathOf(file)
  if (!existsSync(path))
    throw new BackupError(`${file} has no manifest ${path} beside it: it is no backup, or a part of one`)
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BackupError(`${path} is not the manifest of a backup`, { cause })
  }
}

/** Proves a backup: whole, byte for byte what was written, sound inside, ours, and not too new. Throws BackupError or SchemaError. */
export function checkBackup(file: string): Manifest {
  const manifest = readManifest(file)
  const { size } = statSync(file)
  if (size !== manifest.bytes) throw new BackupError(`${file} has ${size} bytes of ${manifest.bytes}: it is not whole`)
  if (sha256Of(file) !== manifest.sha256)
    throw new BackupError(`${file} was changed since it was made: its SHA-256 differs`)
  const contents = readContents(file)
  const declared = {
    schema: manifest.schema,
    epoch: manifest.epoch,
    lastCommit: manifest.lastCommit,
    feeds: manifest.feeds,
  }
  if (JSON.stringify(contents) !== JSON.stringify(declared))
    throw new SchemaError(`${manifestPathOf(file)} tells of another database than ${file}`)
  return manifest
}
