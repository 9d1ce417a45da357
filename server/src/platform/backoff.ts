import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'

export interface BackoffPolicy {
  readonly initialIntervalMs: number
  readonly backoffCoefficient: 2
  readonly maximumIntervalMs: number
}

/**
 * The longest wait after so many failures, as SQL, in milliseconds; multiplied by a random share it is full jitter. In the
 * statement itself, because the count it grows with is that of the row it changes.
 */
export function backoff(failures: SQLWrapper, policy: BackoffPolicy): SQL {
  const steps = Math.floor(Math.log2(policy.maximumIntervalMs / policy.initialIntervalMs))
  return sql`(case when ${failures} > ${sql.raw(String(steps))} then ${sql.raw(String(policy.maximumIntervalMs))} else ${sql.raw(String(policy.initialIntervalMs))} * (1 << cast(${failures} as integer)) end)`
}
