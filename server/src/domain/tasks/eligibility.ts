import { type SQLWrapper, sql } from 'drizzle-orm'
import { inLiterals } from '../../store/sql-literals.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { earlierSql } from './queue-columns.ts'

/** The wait conditions of a task after a change. SQL stands for a value that stays in the row. */
interface WaitConditions {
  /** Its hold, null for none. */
  readonly hold: SQLWrapper
  readonly openDeps: number
  readonly routeId: number | SQLWrapper
  readonly notBefore: SQLWrapper
  readonly closeBy: SQLWrapper
  readonly scheduleToStartMs: SQLWrapper
  readonly now: number
}

/** True if a task has no lease and has not ended. */
export const isQueuedSql = ({ tasks }: Pick<Tables, 'tasks'>) => inLiterals(tasks.status, ['blocked', 'pending'])

/**
 * The columns to set after a change of a task's dependencies or times. A leased task keeps its
 * lease and its status; the dependencies count from its release.
 */
export function eligibilityColumns(t: Pick<Tables, 'tasks'>, conditions: WaitConditions) {
  const { tasks } = t
  const { hold, openDeps, routeId, notBefore, closeBy, scheduleToStartMs, now } = conditions
  const waiting = isQueuedSql(t)
  const later = sql`coalesce(${notBefore}, 0) > ${now}`
  const claimable = sql`${waiting} and ${openDeps} = 0 and not ${later} and ${hold} is null`
  const since = sql`case when ${tasks.status} = 'pending' then coalesce(${tasks.readyAt}, ${now}) else ${now} end`
  const from = sql`case when ${later} then ${notBefore} else ${since} end`
  const startTimeout = earlierSql(closeBy, sql`(${from} + ${scheduleToStartMs})`)
  return {
    openDeps,
    status: sql`case when ${waiting} then ${openDeps > 0 ? 'blocked' : 'pending'} else ${tasks.status} end`,
    ready: sql`case when ${claimable} then ${routeId} end`,
    readyAt: sql`case when ${claimable} then ${since} end`,
    parkedOn: null,
    timeoutAt: sql`case when ${waiting} then ${openDeps > 0 ? closeBy : sql`case when ${hold} is null then ${startTimeout} else ${closeBy} end`} else ${tasks.timeoutAt} end`,
    revision: sql`${tasks.revision} + 1`,
  }
}
