/** How many calls may be sent again after the server refused them for now. */
export interface RetryBudget {
  /** So many at once. Default 100. */
  readonly burst: number
  /** And so many for each second after that. Default 20. */
  readonly perSecond: number
}

/**
 * Paces repeats, so that a server in trouble is not given many times the load it had. A repeat beyond the budget waits for its
 * turn, as long as its deadline lets it. Gives the time to wait, in milliseconds.
 */
export function createRetryBudget({ burst, perSecond }: RetryBudget): () => number {
  let left = burst
  let at = performance.now()
  return () => {
    const now = performance.now()
    left = Math.min(burst, left + ((now - at) / 1_000) * perSecond) - 1
    at = now
    return left >= 0 ? 0 : (-left / perSecond) * 1_000
  }
}
