import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'

export interface BackoffPolicy {
  readonly initialIntervalMs: number
  readonly backoffCoefficient: 2
  readonly maximumIntervalMs: number
}

/**
 * Returns an SQL expression for the longest wait in milliseconds after a number of failures.
 * Multiplied by a random share it is full jitter. It is SQL because the exponent is a column of the
 * row that the statement changes.
 */
export function backoffMsSql(failures: SQLWrapper, policy: BackoffPolicy): SQL {
  const steps = Math.floor(Math.log2(policy.maximumIntervalMs / policy.initialIntervalMs))
  return sql`(case when ${failures} > ${sql.raw(String(steps))} then ${sql.raw(String(policy.maximumIntervalMs))} else ${sql.raw(String(policy.initialIntervalMs))} * (1 << cast(${failures} as integer)) end)`
}
