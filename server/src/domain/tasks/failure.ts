import { retryPolicy } from '@tony/mcp-shared/tasks'
import { type SQLWrapper, sql } from 'drizzle-orm'
import { backoffMsSql } from '../../platform/backoff.ts'
import type { Transaction } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { dequeueColumns, queuedDeadlineSql, queuedStatusSql, rankFromPrioritySql } from './queue-columns.ts'
import type { TaskRow } from './task-row.ts'

/** The parameters of a failure, as SQL. */
interface FailureParams {
  readonly error: SQLWrapper
  /** 1, or 0 for a final failure, even with attempts left. */
  readonly retryable: SQLWrapper
  /** The fraction [0, 1) of the longest backoff: full jitter. */
  readonly jitter: SQLWrapper
  /** Null means the backoff. */
  readonly delayMs: SQLWrapper
  readonly now: SQLWrapper
}

/**
 * The columns to set for a failed attempt: back to the queue after a delay, or ended if the failure
 * is final or no attempt is left.
 */
export const failureColumns = (t: Pick<Tables, 'tasks'>, { error, retryable, jitter, delayMs, now }: FailureParams) => {
  const willRetry = sql`${retryable} = 1 and ${t.tasks.failures} + 1 < ${t.tasks.maxAttempts}`
  const delay = sql`coalesce(${delayMs}, cast(floor(${jitter} * ${backoffMsSql(t.tasks.failures, retryPolicy)}) as bigint))`
  return {
    failures: sql`${t.tasks.failures} + 1`,
    status: sql`case when ${willRetry} then ${queuedStatusSql(t)} else 'failed' end`,
    notBefore: sql`case when ${willRetry} then ${now} + ${delay} end`,
    rank: rankFromPrioritySql(t),
    timeoutAt: sql`case when ${willRetry} then ${queuedDeadlineSql(t, sql`(${now} + ${delay})`)} end`,
    completedAt: sql`case when ${willRetry} then null else ${now} end`,
    leaseToken: null,
    leaseExpiresAt: null,
    error: sql`${error}`,
    revision: sql`${t.tasks.revision} + 1`,
  }
}

/** The columns to set for a task that fails for good without another attempt. */
export const finalFailureColumns = (
  t: Pick<Tables, 'tasks'>,
  { error, now }: Pick<FailureParams, 'error' | 'now'>,
) => ({
  ...dequeueColumns,
  status: 'failed',
  leaseToken: null,
  leaseExpiresAt: null,
  error: sql`${error}`,
  completedAt: sql`${now}`,
  revision: sql`${t.tasks.revision} + 1`,
})

/** Appends the event of an attempt that the server has ended: the task has failed, or is queued. */
export function appendEndOfAttempt(
  tx: Transaction,
  { id, attempt, agentId, failures, error, status, epic }: TaskRow,
  queued: 'task.expired' | 'task.timed_out',
): void {
  const data = { attempt, agentId, failures, error }
  const event = { subject: id, actor: null, taskId: id, epic }
  if (status === 'failed') tx.append({ type: 'task.failed', ...event, data })
  else tx.append({ type: queued, ...event, data: { ...data, status } })
}
