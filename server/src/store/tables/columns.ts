import { sql } from 'drizzle-orm'
import { check, index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

/**
 * The column kinds of SQLite. Each table is defined once with these names, and PostgreSQL
 * implements the same names. There are only text, integers and reals: times are milliseconds, and
 * JSON is text. jsonb in PostgreSQL refuses NUL and lone surrogates and reorders keys, but a
 * payload must be returned byte for byte.
 */
export const sqliteColumns = {
  table: sqliteTable,
  text,
  integer,
  real,
  /**
   * Grows with every row, for first-in, first-out order. AUTOINCREMENT never reuses the number of a
   * deleted row.
   */
  identity: (name: string) => integer(name).primaryKey({ autoIncrement: true }),
  index,
  uniqueIndex,
  primaryKey,
  check,
}

export type Columns = typeof sqliteColumns

/** Formats the values that a column may hold, for a CHECK. */
export const quotedList = (values: readonly string[]) => sql.raw(values.map((value) => `'${value}'`).join(', '))
