import { sql } from 'drizzle-orm'
import { check, index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

/**
 * The column kinds of SQLite. Every table is written once against these; a second engine brings the same names. Only text,
 * integers and reals: times are integers of milliseconds and JSON is text, because Postgres' jsonb refuses NUL and lone
 * surrogates and reorders keys, and a payload must come back byte for byte.
 */
export const sqliteColumns = {
  table: sqliteTable,
  text,
  integer,
  real,
  /** Grows with every row: first in, first out. AUTOINCREMENT, so that a deleted row's number never comes back. */
  identity: (name: string) => integer(name).primaryKey({ autoIncrement: true }),
  index,
  uniqueIndex,
  primaryKey,
  check,
}

export type Columns = typeof sqliteColumns

/** The words a column may hold, for a CHECK. */
export const quotedList = (values: readonly string[]) => sql.raw(values.map((value) => `'${value}'`).join(', '))
