import { sql } from 'drizzle-orm'
import type { Db, Query, Statement } from './store.ts'
import type { Tables } from './tables.ts'

type Execute<R> = { execute(values: Record<string, unknown>): Promise<R[]> }

/** A single writer holds every row it reads. */
const unlocked = <T>(query: T): T => query

const placeholders: ProxyHandler<object> = { get: (_, name) => sql`${sql.placeholder(String(name))}` }

/** The prepared statements of one connection, built when first used. */
export function preparedOn(db: Db, t: Tables) {
  const built = new Map<object, unknown>()
  return <P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]> => {
    // The map holds for each statement what that very statement built, which the type of a map cannot say.
    let prepared = built.get(statement) as Execute<R> | undefined
    if (!prepared) {
      const p = new Proxy({}, placeholders) as Query<P>['p']
      prepared = statement.build({ db, t, p, skipLocked: unlocked, locked: unlocked })
      built.set(statement, prepared)
    }
    return prepared.execute(params as Record<string, unknown>)
  }
}
