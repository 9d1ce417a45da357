import { existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Clock } from '../../platform/clock.ts'
import { lockDatabaseFile } from '../sqlite/file-lock.ts'
import { openWriter } from '../sqlite/sqlite.ts'
import {
  type AppliedMigration,
  type Migration,
  migrateSqlite,
  readAppliedMigrations,
  readSqliteMigrations,
  refuseForeignDatabase,
  refuseUnknownMigrations,
} from './migrate.ts'

/** A migration and its presence in a database. */
export interface MigrationState {
  readonly number: number
  readonly name: string
  readonly applied: boolean
  /** True if this version has the migration; a newer version may have applied others. */
  readonly known: boolean
}

/** Applies the missing migrations to a file, or creates it, and returns those it applied. */
export function migrateFile(file: string, clock: Clock): readonly MigrationState[] {
  const unlock = lockDatabaseFile(file)
  try {
    const before = existsSync(file) ? readMigrationStates(file) : []
    openWriter({ file, durability: 'disk', clock }).close()
    const previous = new Set(before.filter(({ applied }) => applied).map(({ number }) => number))
    return readMigrationStates(file).filter(({ number, applied }) => applied && !previous.has(number))
  } finally {
    unlock()
  }
}

/** Opens a file for `work`, only to read. Throws SchemaError for a database of another program. */
export function withReadOnly<T>(file: string, work: (database: Database.Database) => T): T {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 })
  try {
    refuseForeignDatabase(database)
    return work(database)
  } finally {
    database.close()
  }
}

/**
 * Returns every migration that this version or the database knows. It only reads. Throws
 * SchemaError for a database of another program.
 */
export const readMigrationStates = (file: string): readonly MigrationState[] =>
  toMigrationStates(readSqliteMigrations(), withReadOnly(file, readAppliedMigrations))

/** Merges the migrations of this version with the applied ones. */
export function toMigrationStates(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly MigrationState[] {
  const appliedNumbers = new Set(applied.map(({ number }) => number))
  const knownNumbers = new Set(known.map(({ number }) => number))
  const shipped = known.map(({ number, name }) => ({ number, name, applied: appliedNumbers.has(number), known: true }))
  const later = applied.filter(({ number }) => !knownNumbers.has(number))
  return [...shipped, ...later.map(({ number, name }) => ({ number, name, applied: true, known: false }))]
}

interface SchemaObject {
  readonly type: string
  readonly name: string
  readonly sql: string | null
}

const schemaObjectsOf = (database: Database.Database): Map<string, string> => {
  const objects = database
    .prepare<[], SchemaObject>(
      "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'",
    )
    .all()
  return new Map(objects.map(({ type, name, sql }) => [`${type} ${name}`, sql ?? '']))
}

/**
 * Returns the differences between a database's schema and the result of its migrations, in words;
 * none for a schema of a newer version. Throws SchemaError if the migrations are not those of this
 * version.
 */
export function findSchemaDifferences(file: string): readonly string[] {
  return withReadOnly(file, (database) => {
    const known = readSqliteMigrations()
    const applied = refuseUnknownMigrations(readAppliedMigrations(database), known)
    if (applied.length > known.length) return []
    const expectedDatabase = new Database(':memory:')
    migrateSqlite(expectedDatabase, known.slice(0, applied.length), 0)
    const [actual, expected] = [schemaObjectsOf(database), schemaObjectsOf(expectedDatabase)]
    expectedDatabase.close()
    return schemaDifferencesOf(actual, expected)
  })
}

/** Returns the differences between the objects of a schema and the expected ones, in words. */
export function schemaDifferencesOf(
  actual: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
): readonly string[] {
  const names = [...new Set([...actual.keys(), ...expected.keys()])].toSorted()
  return names.flatMap((name) => {
    if (!actual.has(name)) return [`${name} is missing`]
    if (!expected.has(name)) return [`${name} is in no migration`]
    return actual.get(name) === expected.get(name) ? [] : [`${name} was changed`]
  })
}
