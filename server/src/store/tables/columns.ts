import { sql } from 'drizzle-orm'
import {
  type AnySQLiteColumn,
  check,
  customType,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core'

/** The numbers under which rows of SQLite refer to projects and agents. */
export interface ReferenceNumbers {
  /** Returns a number that no row has if the id is unknown. */
  numberOf(id: string): number
  idOf(number: number): string
}

/**
 * The numbers of projects and agents. Triggers add them, and they are never reused or deleted.
 * Only SQLite has this table.
 */
export const identifiers = sqliteTable('identifiers', {
  number: integer('number').primaryKey({ autoIncrement: true }),
  id: text('id').notNull().unique(),
})

/**
 * The column kinds of SQLite. Each table is defined once with these names, and PostgreSQL
 * implements the same names. There are only text, integers and reals: times are milliseconds, and
 * JSON is text. jsonb in PostgreSQL refuses NUL and lone surrogates and reorders keys, but a
 * payload must be returned byte for byte.
 */
export function createSqliteColumns(references: ReferenceNumbers) {
  const reference = customType<{ data: string; driverData: number | null }>({
    dataType: () => 'integer',
    // Drizzle also encodes the null of a prepared statement.
    toDriver: (id) => (id === null ? null : references.numberOf(id)),
    fromDriver: (number) => references.idOf(Number(number)),
  })
  return {
    table: sqliteTable,
    text,
    integer,
    real,
    /**
     * Grows with every row, for first-in, first-out order. AUTOINCREMENT never reuses the number of
     * a deleted row.
     */
    identity: (name: string) => integer(name).primaryKey({ autoIncrement: true }),
    /**
     * The id of a project or an agent, for the tables with the most writes. Statements pass and get
     * ids; SQLite stores their numbers, because the 36 characters of an id in each index cost
     * a fifth of the statements of a message. PostgreSQL stores the id, with a foreign key to
     * `target`.
     */
    reference: (name: string, _target?: () => AnySQLiteColumn) => reference(name).references(() => identifiers.number),
    index,
    uniqueIndex,
    primaryKey,
    check,
  }
}

export type Columns = ReturnType<typeof createSqliteColumns>

/** Formats the values that a column may hold, for a CHECK. */
export const quotedList = (values: readonly string[]) => sql.raw(values.map((value) => `'${value}'`).join(', '))
