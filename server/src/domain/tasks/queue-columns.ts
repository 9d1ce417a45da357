import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { Tables } from '../../store/tables/tables.ts'

type Tasks = Pick<Tables, 'tasks'>

/**
 * What claims order by. Rank 1 is nobody's own: a `low` task gets it that has waited too long, so that only `critical` goes
 * before it.
 */
export const agedRank = 1
export const claimRank = (priority: number): number => (priority === 0 ? 0 : priority + 1)

/** The rank of its priority. */
export const rankFromPriority = ({ tasks }: Tasks): SQL =>
  sql`case when ${tasks.priority} = 0 then 0 else ${tasks.priority} + 1 end`

/** The earlier of two moments, either of which may be missing. */
export const earliest = (a: SQLWrapper, b: SQLWrapper): SQL =>
  sql`case when ${a} is null or ${b} < ${a} then ${b} else ${a} end`

/** When a task that can be claimed from a moment on has waited too long. */
export const claimTimeout = ({ tasks }: Tasks, from: SQLWrapper, closeBy: SQLWrapper = tasks.closeBy): SQL =>
  earliest(closeBy, sql`(${from} + ${tasks.scheduleToStartMs})`)

/** The same for one that may be blocked: that has no wait to be claimed yet. */
export const waitTimeout = (t: Tasks, from: SQLWrapper, closeBy: SQLWrapper = t.tasks.closeBy): SQL =>
  sql`case when ${t.tasks.openDeps} > 0 then ${closeBy} else ${claimTimeout(t, from, closeBy)} end`

/** When an attempt that begins now has taken too long. */
export const attemptTimeout = ({ tasks }: Tasks, now: SQLWrapper): SQL =>
  earliest(tasks.closeBy, sql`(${now} + ${tasks.startToCloseMs})`)

/** When an answer that may take so long, null for ever, has taken too long. */
export const answerTimeout = ({ tasks }: Tasks, now: SQLWrapper, deadlineMs: SQLWrapper): SQL =>
  earliest(tasks.closeBy, sql`(${now} + ${deadlineMs})`)

/** Where a task goes that is given back: it may have been given a dependency while it was held. */
export const queuedStatus = ({ tasks }: Tasks): SQL =>
  sql`case when ${tasks.openDeps} > 0 then 'blocked' else 'pending' end`

/** What a statement sets for a task that goes back to the queue and can be claimed at once. */
export const requeueColumns = (t: Tasks, now: SQLWrapper) => ({
  status: queuedStatus(t),
  ready: sql`case when ${t.tasks.openDeps} = 0 then ${t.tasks.routeId} end`,
  readyAt: sql`${now}`,
  notBefore: null,
  parkedOn: null,
  rank: rankFromPriority(t),
  timeoutAt: waitTimeout(t, now),
  revision: sql`${t.tasks.revision} + 1`,
})

/** What a statement sets for a task that ends, or waits for something else than an agent. */
export const dequeueColumns = {
  ready: null,
  parkedOn: null,
  notBefore: null,
  timeoutAt: null,
} as const
