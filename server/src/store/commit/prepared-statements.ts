import { type SQL, sql } from 'drizzle-orm'
import type { Db, Query, Statement } from '../store.ts'
import type { Tables } from '../tables/tables.ts'

type PreparedQuery<R> = { execute(values: Record<string, unknown>): Promise<R[]> }

/** How an engine locks the rows a query finds. */
export type RowLocks = Pick<Query<object>, 'skipLocked' | 'locked' | 'shared'>

const unlocked = <T>(query: T): T => query

/** A single writer holds every row it reads. */
export const noRowLocks: RowLocks = { skipLocked: unlocked, locked: unlocked, shared: unlocked }

/** Builds a statement for one connection; `placeholder` makes what stands for a parameter. */
export function buildStatement<P extends object, R>(
  statement: Statement<P, R>,
  connection: { readonly db: Db; readonly t: Tables; readonly locks: RowLocks },
  placeholder: (name: string) => SQL,
): PreparedQuery<R> {
  const p = new Proxy({}, { get: (_, name) => placeholder(String(name)) }) as Query<P>['p']
  return statement.build({ db: connection.db, t: connection.t, p, ...connection.locks })
}

const untypedPlaceholder = (name: string): SQL => sql`${sql.placeholder(name)}`

/** The prepared statements of one connection, built when first used. */
export function createRunner(db: Db, t: Tables) {
  const built = new Map<object, unknown>()
  return <P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]> => {
    // The map holds for each statement what that very statement built, which the type of a map cannot say.
    let prepared = built.get(statement) as PreparedQuery<R> | undefined
    if (!prepared) {
      prepared = buildStatement(statement, { db, t, locks: noRowLocks }, untypedPlaceholder)
      built.set(statement, prepared)
    }
    return prepared.execute(params as Record<string, unknown>)
  }
}
