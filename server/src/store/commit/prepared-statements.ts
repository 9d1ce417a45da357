import type { SQL } from 'drizzle-orm'
import type { Db, Statement, StatementParts } from '../store.ts'
import type { Tables } from '../tables/tables.ts'

type PreparedQuery<R> = { execute(values: Record<string, unknown>): Promise<R[]> }

/** The row locks of an engine. */
export type RowLocks = Pick<StatementParts<object>, 'skipLocked' | 'locked' | 'shared'>

const withoutLock = <T>(query: T): T => query

/** SQLite needs none: its single writer excludes all other writes. */
export const noRowLocks: RowLocks = { skipLocked: withoutLock, locked: withoutLock, shared: withoutLock }

/** Builds a statement for one connection; `placeholder` creates the SQL of a parameter. */
export function buildStatement<P extends object, R>(
  statement: Statement<P, R>,
  connection: { readonly db: Db; readonly t: Tables; readonly locks: RowLocks },
  placeholder: (name: string) => SQL,
): PreparedQuery<R> {
  const p = new Proxy({}, { get: (_, name) => placeholder(String(name)) }) as StatementParts<P>['p']
  return statement.build({ db: connection.db, t: connection.t, p, ...connection.locks })
}
