import { type SQL, sql } from 'drizzle-orm'
import type { Db, Query, Statement } from '../store.ts'
import type { Tables } from '../tables/tables.ts'

type PreparedQuery<R> = { execute(values: Record<string, unknown>): Promise<R[]> }

/** The row locks of an engine. */
export type RowLocks = Pick<Query<object>, 'skipLocked' | 'locked' | 'shared'>

const unlocked = <T>(query: T): T => query

/** SQLite needs none: its single writer excludes all other writes. */
export const noRowLocks: RowLocks = { skipLocked: unlocked, locked: unlocked, shared: unlocked }

/** Builds a statement for one connection; `placeholder` creates the SQL of a parameter. */
export function buildStatement<P extends object, R>(
  statement: Statement<P, R>,
  connection: { readonly db: Db; readonly t: Tables; readonly locks: RowLocks },
  placeholder: (name: string) => SQL,
): PreparedQuery<R> {
  const p = new Proxy({}, { get: (_, name) => placeholder(String(name)) }) as Query<P>['p']
  return statement.build({ db: connection.db, t: connection.t, p, ...connection.locks })
}

const untypedPlaceholder = (name: string): SQL => sql`${sql.placeholder(name)}`

/**
 * Returns a function that runs the prepared statements of one connection and builds each at its
 * first use.
 */
export function createRunner(db: Db, t: Tables) {
  const built = new Map<object, unknown>()
  return <P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]> => {
    // Each value was built by its key; the type of a map cannot express that.
    let prepared = built.get(statement) as PreparedQuery<R> | undefined
    if (!prepared) {
      prepared = buildStatement(statement, { db, t, locks: noRowLocks }, untypedPlaceholder)
      built.set(statement, prepared)
    }
    return prepared.execute(params as Record<string, unknown>)
  }
}
