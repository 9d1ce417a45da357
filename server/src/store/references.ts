import { type Column, eq, is, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { SQLiteColumn } from 'drizzle-orm/sqlite-core'

/**
 * Converts an id that the statement computes to a value of `reference`: the number of the id on
 * SQLite, the id itself on PostgreSQL. A parameter needs no conversion.
 */
export const asReference = (reference: Column, id: SQLWrapper): SQL =>
  is(reference, SQLiteColumn) ? sql`(select number from identifiers where id = ${id})` : sql`${id}`

/** Compares a reference with a column that holds the id itself. */
export const refersTo = (reference: Column, id: Column): SQL => eq(reference, asReference(reference, id))
