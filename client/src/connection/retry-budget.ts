/** Budget for repeats of calls that the server refused for now. */
export interface RetryBudget {
  /** Number of repeats at once. Default 100. */
  readonly burst: number
  /** Number of repeats per second after that. Default 20. */
  readonly perSecond: number
}

/**
 * Paces the repeats of calls, so that clients do not multiply the load of a server in trouble. A
 * repeat beyond the budget is delayed as far as its deadline allows. The returned function takes
 * one repeat from the budget and returns its delay, in milliseconds.
 */
export function createRetryPacer({ burst, perSecond }: RetryBudget): () => number {
  let left = burst
  let at = performance.now()
  return () => {
    const now = performance.now()
    left = Math.min(burst, left + ((now - at) / 1_000) * perSecond) - 1
    at = now
    return left >= 0 ? 0 : (-left / perSecond) * 1_000
  }
}
