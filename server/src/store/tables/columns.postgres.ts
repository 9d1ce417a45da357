import {
  bigint,
  check,
  customType,
  doublePrecision,
  index,
  pgTable,
  primaryKey,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import type { Columns } from './columns.ts'

/** Compared by bytes, as SQLite does: the order of names must not depend on the locale of a server. */
const text = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' })

const integer = (name: string) => bigint(name, { mode: 'number' })

/**
 * The column kinds of PostgreSQL: those of SQLite under the same names. The builders of the two engines have no type in
 * common, so SQLite's stand for both; the parity test compares what becomes of them.
 */
export const postgresColumns = {
  table: pgTable,
  text,
  integer,
  real: doublePrecision,
  identity: (name: string) => integer(name).primaryKey().generatedAlwaysAsIdentity(),
  index,
  uniqueIndex,
  primaryKey,
  check,
} as unknown as Columns
