import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { migrationsFolderOf } from './folder.ts'

/** This version cannot use the schema; the message has the reason. Nothing was changed. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
}

export interface Migration {
  readonly number: number
  readonly name: string
  readonly checksum: string
  /** Number of the newest migration that a version must know to run on a store with this one. */
  readonly minReader: number
  readonly statements: readonly string[]
}

/**
 * Reads drizzle-kit's SQL files. A first line `-- minReader: N` declares that older versions that
 * know migration N can run on the result.
 */
export function readMigrations(folder: URL): readonly Migration[] {
  const files = readdirSync(folder).filter((file) => /^\d{4}_.+\.sql$/.test(file))
  return files.sort().map((file) => {
    const sql = readFileSync(new URL(file, `${folder.href}/`), 'utf8')
    const number = Number(file.slice(0, 4))
    const declared = /^-- minReader: (\d+)/.exec(sql)?.[1]
    return {
      number,
      name: file.slice(5, -4),
      checksum: createHash('sha256').update(sql).digest('hex'),
      minReader: declared === undefined ? number : Number(declared),
      statements: sql.split('--> statement-breakpoint'),
    }
  })
}

/** Returns the SQLite migrations of this version. */
export const readSqliteMigrations = (): readonly Migration[] => readMigrations(migrationsFolderOf('sqlite'))

const createMigrationsTableSql = `CREATE TABLE IF NOT EXISTS schema_migrations (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, min_reader INTEGER NOT NULL, applied_at INTEGER NOT NULL
)`

export interface AppliedMigration {
  number: number
  name: string
  checksum: string
  min_reader: number
}

/**
 * Applies the missing migrations, or leaves the schema unchanged and throws SchemaError.
 *
 * Drizzle's own runner takes no lock, compares only dates, and rebuilds tables with foreign keys
 * on, which cascade-deleted child rows and reported success. Here one BEGIN IMMEDIATE covers all
 * steps, checksums are compared, and foreign keys are off during a rebuild and checked before the
 * commit.
 */
export function migrateSqlite(database: Database, migrations: readonly Migration[], now: number): void {
  database.pragma('foreign_keys = OFF')
  database.exec('BEGIN IMMEDIATE')
  try {
    refuseForeignDatabase(database)
    database.exec(createMigrationsTableSql)
    const missing = migrations.slice(refuseUnknownMigrations(readAppliedMigrations(database), migrations).length)
    for (const migration of missing) applyMigration(database, migration, now)
    // It reads every row; at each start that would cost 150 ms for 100 000 tasks.
    if (missing.length > 0) refuseBrokenReferences(database)
    database.exec('COMMIT')
  } catch (error) {
    // A full disk has ended the transaction already.
    if (database.inTransaction) database.exec('ROLLBACK')
    throw error
  }
  database.pragma('foreign_keys = ON')
}

function applyMigration(database: Database, migration: Migration, now: number): void {
  for (const statement of migration.statements) database.exec(statement)
  database
    .prepare('INSERT INTO schema_migrations VALUES (?, ?, ?, ?, ?)')
    .run(migration.number, migration.name, migration.checksum, migration.minReader, now)
}

function refuseBrokenReferences(database: Database): void {
  const broken = database.pragma('foreign_key_check')
  if (Array.isArray(broken) && broken.length > 0) throw new SchemaError(`a migration broke ${broken.length} references`)
}

/** Throws SchemaError for a database with the tables of another program. It only reads. */
export function refuseForeignDatabase(database: Database): void {
  const all = (sql: string) => database.prepare<[], { name: string }>(sql).all()
  const tables = all("SELECT name FROM sqlite_master WHERE type = 'table'")
  const names = tables.map((table) => table.name).filter((name) => !name.startsWith('sqlite_'))
  // Other programs also name a table this way, with other columns.
  const ledgerColumns = all("SELECT name FROM pragma_table_info('schema_migrations')").map((column) => column.name)
  if (names.length === 0 || ledgerColumns.includes('min_reader')) return
  throw new SchemaError(
    `${database.name} is a database of another program (tables ${names.slice(0, 5).join(', ')}); it was not touched. Choose another DATABASE_PATH`,
  )
}

/** Returns the applied migrations in order; none for an empty database. */
export function readAppliedMigrations(database: Database): readonly AppliedMigration[] {
  const hasTable = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'").get()
  if (hasTable === undefined) return []
  return database.prepare<[], AppliedMigration>('SELECT * FROM schema_migrations ORDER BY number').all()
}

/**
 * Returns `applied`. Throws SchemaError if it differs from the migrations of this version or needs
 * a newer version.
 */
export function refuseUnknownMigrations(
  applied: readonly AppliedMigration[],
  known: readonly Migration[],
): readonly AppliedMigration[] {
  const newest = known.at(-1)?.number ?? -1
  for (const [index, row] of applied.entries()) {
    const migration = known[index]
    if (!migration) {
      if (row.min_reader > newest) {
        throw new SchemaError(
          `the database is at migration ${row.number} (${row.name}), which needs a newer program: this one knows up to ${newest}`,
        )
      }
    } else if (migration.number !== row.number || migration.checksum !== row.checksum) {
      throw new SchemaError(
        `migration ${row.number} (${row.name}) was changed after it had been applied to this database`,
      )
    }
  }
  return applied
}
