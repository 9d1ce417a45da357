import { existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Clock } from '../../platform/clock.ts'
import { ownFile } from '../sqlite/file-lock.ts'
import { openWriter } from '../sqlite/sqlite.ts'
import {
  type Applied,
  appliedTo,
  type Migration,
  migrate,
  migrations,
  refuseForeign,
  refuseUnknown,
} from './migrate.ts'

/** One migration and whether a database has it. */
export interface MigrationState {
  readonly number: number
  readonly name: string
  readonly applied: boolean
  /** Whether this program has it: a newer one's may be in the database. */
  readonly known: boolean
}

/** Brings a database to the newest schema, creating it when it is missing; says what was done. */
export function migrateFile(file: string, clock: Clock): readonly MigrationState[] {
  const disown = ownFile(file)
  try {
    const before = existsSync(file) ? migrationStates(file) : []
    openWriter({ file, durability: 'disk', clock }).close()
    const had = new Set(before.filter(({ applied }) => applied).map(({ number }) => number))
    return migrationStates(file).filter(({ number, applied }) => applied && !had.has(number))
  } finally {
    disown()
  }
}

function readIn<T>(file: string, use: (database: Database.Database) => T): T {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 })
  try {
    refuseForeign(database)
    return use(database)
  } finally {
    database.close()
  }
}

/** Every migration this program or the database knows. Only reads; throws SchemaError for a database that is not ours. */
export const migrationStates = (file: string): readonly MigrationState[] =>
  statesFrom(migrations(), readIn(file, appliedTo))

/** What a program knows and a database has, together. */
export function statesFrom(known: readonly Migration[], applied: readonly Applied[]): readonly MigrationState[] {
  const has = new Set(applied.map(({ number }) => number))
  const knows = new Set(known.map(({ number }) => number))
  const ours = known.map(({ number, name }) => ({ number, name, applied: has.has(number), known: true }))
  const later = applied.filter(({ number }) => !knows.has(number))
  return [...ours, ...later.map(({ number, name }) => ({ number, name, applied: true, known: false }))]
}

interface Part {
  readonly type: string
  readonly name: string
  readonly sql: string | null
}

const partsOf = (database: Database.Database): Map<string, string> => {
  const parts = database
    .prepare<[], Part>(
      "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'",
    )
    .all()
  return new Map(parts.map(({ type, name, sql }) => [`${type} ${name}`, sql ?? '']))
}

/**
 * How a database's schema differs from the one its migrations make, each difference in words; none for a newer program's.
 * Throws SchemaError where its migrations are not those of this program.
 */
export function schemaDifferences(file: string): readonly string[] {
  return readIn(file, (database) => {
    const known = migrations()
    const applied = refuseUnknown(appliedTo(database), known)
    if (applied.length > known.length) return []
    const ideal = new Database(':memory:')
    migrate(ideal, known.slice(0, applied.length), 0)
    const [is, should] = [partsOf(database), partsOf(ideal)]
    ideal.close()
    const names = [...new Set([...is.keys(), ...should.keys()])].toSorted()
    return names.flatMap((name) => {
      if (!is.has(name)) return [`${name} is missing`]
      if (!should.has(name)) return [`${name} is of no migration`]
      return is.get(name) === should.get(name) ? [] : [`${name} was changed`]
    })
  })
}
