import { retryPolicy } from '@tony/mcp-shared/tasks'
import { type SQLWrapper, sql } from 'drizzle-orm'
import { backoff } from '../../platform/backoff.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { queuedStatus, rankFromPriority, waitTimeout } from './queue-columns.ts'

/** A failure, as a statement's parameters say it. */
interface FailureParams {
  readonly error: SQLWrapper
  /** 1, or 0 where it is final whatever attempts are left. */
  readonly retryable: SQLWrapper
  /** [0, 1) of the longest backoff: full jitter. */
  readonly jitter: SQLWrapper
  /** Null for the backoff. */
  readonly delayMs: SQLWrapper
  readonly now: SQLWrapper
}

/** What a failed attempt sets: back to the queue after a wait, or ended when it is final or no attempt is left. */
export const failureColumns = (t: Pick<Tables, 'tasks'>, { error, retryable, jitter, delayMs, now }: FailureParams) => {
  const willRetry = sql`${retryable} = 1 and ${t.tasks.failures} + 1 < ${t.tasks.maxAttempts}`
  const delay = sql`coalesce(${delayMs}, cast(floor(${jitter} * ${backoff(t.tasks.failures, retryPolicy)}) as bigint))`
  return {
    failures: sql`${t.tasks.failures} + 1`,
    status: sql`case when ${willRetry} then ${queuedStatus(t)} else 'failed' end`,
    notBefore: sql`case when ${willRetry} then ${now} + ${delay} end`,
    rank: rankFromPriority(t),
    timeoutAt: sql`case when ${willRetry} then ${waitTimeout(t, sql`(${now} + ${delay})`)} end`,
    completedAt: sql`case when ${willRetry} then null else ${now} end`,
    leaseToken: null,
    leaseExpiresAt: null,
    error: sql`${error}`,
    revision: sql`${t.tasks.revision} + 1`,
  }
}
