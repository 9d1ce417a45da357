import { type SQLWrapper, sql } from 'drizzle-orm'
import { inLiterals } from '../../store/sql-literals.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { earliest } from './queue-columns.ts'

/** What a task waits for, as a change leaves it; SQL where it stays as the row has it. */
interface WaitConditions {
  readonly openDeps: number
  readonly routeId: number | SQLWrapper
  readonly notBefore: SQLWrapper
  readonly closeBy: SQLWrapper
  readonly scheduleToStartMs: SQLWrapper
  readonly now: number
}

/** Whether nobody holds it and it has not ended. */
export const isWaiting = ({ tasks }: Pick<Tables, 'tasks'>) => inLiterals(tasks.status, ['blocked', 'pending'])

/**
 * What a statement sets when a task has got other dependencies, or another time. One that is held keeps its lease and its
 * status; the dependencies count when it is given back.
 */
export function eligibilityColumns(t: Pick<Tables, 'tasks'>, conditions: WaitConditions) {
  const { tasks } = t
  const { openDeps, routeId, notBefore, closeBy, scheduleToStartMs, now } = conditions
  const waiting = isWaiting(t)
  const later = sql`coalesce(${notBefore}, 0) > ${now}`
  const claimable = sql`${waiting} and ${openDeps} = 0 and not ${later}`
  const since = sql`case when ${tasks.status} = 'pending' then coalesce(${tasks.readyAt}, ${now}) else ${now} end`
  const from = sql`case when ${later} then ${notBefore} else ${since} end`
  const startTimeout = earliest(closeBy, sql`(${from} + ${scheduleToStartMs})`)
  return {
    openDeps,
    status: sql`case when ${waiting} then ${openDeps > 0 ? 'blocked' : 'pending'} else ${tasks.status} end`,
    ready: sql`case when ${claimable} then ${routeId} end`,
    readyAt: sql`case when ${claimable} then ${since} end`,
    parkedOn: null,
    timeoutAt: sql`case when ${waiting} then ${openDeps > 0 ? closeBy : startTimeout} else ${tasks.timeoutAt} end`,
    revision: sql`${tasks.revision} + 1`,
  }
}
