import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { Tables } from '../../store/tables/tables.ts'

type TasksTable = Pick<Tables, 'tasks'>

/**
 * The rank of an aged `low` task in the order of claims. No priority has rank 1, so that only
 * `critical` tasks come before it.
 */
export const agedRank = 1
export const claimRank = (priority: number): number => (priority === 0 ? 0 : priority + 1)

/** The rank that follows from a task's priority. */
export const rankFromPrioritySql = ({ tasks }: TasksTable): SQL =>
  sql`case when ${tasks.priority} = 0 then 0 else ${tasks.priority} + 1 end`

/** The earlier of two times, either of which may be null. */
export const earlierSql = (a: SQLWrapper, b: SQLWrapper): SQL =>
  sql`case when ${a} is null or ${b} < ${a} then ${b} else ${a} end`

/** Deadline for the claim of a task that is claimable from a given time on. */
export const unblockedDeadlineSql = (
  { tasks }: TasksTable,
  from: SQLWrapper,
  closeBy: SQLWrapper = tasks.closeBy,
): SQL => earlierSql(closeBy, sql`(${from} + ${tasks.scheduleToStartMs})`)

/**
 * Deadline for the claim of a task that may be blocked or held: while it is, only `closeBy` counts.
 */
export const queuedDeadlineSql = (t: TasksTable, from: SQLWrapper, closeBy: SQLWrapper = t.tasks.closeBy): SQL =>
  sql`case when ${t.tasks.openDeps} > 0 or ${t.tasks.hold} is not null then ${closeBy} else ${unblockedDeadlineSql(t, from, closeBy)} end`

/** Deadline of an attempt that begins now. */
export const attemptDeadlineSql = ({ tasks }: TasksTable, now: SQLWrapper): SQL =>
  earlierSql(tasks.closeBy, sql`(${now} + ${tasks.startToCloseMs})`)

/** Deadline for an answer. With a `deadlineMs` of null only `closeBy` counts. */
export const answerDeadlineSql = ({ tasks }: TasksTable, now: SQLWrapper, deadlineMs: SQLWrapper): SQL =>
  earlierSql(tasks.closeBy, sql`(${now} + ${deadlineMs})`)

/** The status of a task after its release: it may have got a dependency during its lease. */
export const queuedStatusSql = ({ tasks }: TasksTable): SQL =>
  sql`case when ${tasks.openDeps} > 0 then 'blocked' else 'pending' end`

/** The columns to set for a task that returns to the queue and is claimable at once. */
export const requeueColumns = (t: TasksTable, now: SQLWrapper) => ({
  status: queuedStatusSql(t),
  ready: sql`case when ${t.tasks.openDeps} = 0 then ${t.tasks.routeId} end`,
  readyAt: sql`${now}`,
  notBefore: null,
  parkedOn: null,
  rank: rankFromPrioritySql(t),
  timeoutAt: queuedDeadlineSql(t, now),
  revision: sql`${t.tasks.revision} + 1`,
})

/**
 * The columns to set for an ended task that gets all its attempts again. A deadline that has passed
 * would end it at once, so it is removed.
 */
export const reopenColumns = (t: TasksTable, now: SQLWrapper) => {
  const closeBy = sql`(case when ${t.tasks.closeBy} > ${now} then ${t.tasks.closeBy} end)`
  return {
    ...requeueColumns(t, now),
    failures: 0,
    closeBy,
    timeoutAt: queuedDeadlineSql(t, now, closeBy),
    leaseToken: null,
    leaseExpiresAt: null,
    completedAt: null,
  }
}

/**
 * The columns to set for a task with a result: completed, or in review if its acceptance is
 * `verify`.
 */
export const completionColumns = ({ tasks }: TasksTable, now: SQLWrapper | number) => ({
  status: sql`case when ${tasks.acceptance} = 'verify' then 'in_review' else 'completed' end`,
  completedAt: sql`case when ${tasks.acceptance} = 'verify' then null else ${now} end`,
})

/** The columns to set for a task that ends or waits for something other than an agent. */
export const dequeueColumns = {
  ready: null,
  hold: null,
  parkedOn: null,
  notBefore: null,
  timeoutAt: null,
} as const
