import {
  type AnyPgColumn,
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

/**
 * Compared by bytes as in SQLite, so that the order of names does not depend on a server's locale.
 */
const text = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' })

const integer = (name: string) => bigint(name, { mode: 'number' })

/**
 * The column kinds of PostgreSQL under the names of those of SQLite. The builders of the two
 * engines share no type, so SQLite's types stand for both; the parity test compares the resulting
 * tables.
 */
export const postgresColumns = {
  table: pgTable,
  text,
  integer,
  real: doublePrecision,
  identity: (name: string) => integer(name).primaryKey().generatedAlwaysAsIdentity(),
  reference: (name: string, target?: () => AnyPgColumn) => (target ? text(name).references(target) : text(name)),
  index,
  uniqueIndex,
  primaryKey,
  check,
} as unknown as Columns
