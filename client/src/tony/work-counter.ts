/** Counts the work of an agent for its health samples. */
export interface WorkCounter {
  /**
   * Runs a piece of work and counts it. It is an error if it throws or if `failed` returns true for
   * its outcome.
   */
  measure<T>(work: () => Promise<T>, failed: (outcome: T) => boolean): Promise<T>
  /** Returns the counts since the previous call; undefined if there are none. */
  takeSample(): { requestsHandled: number; avgResponseTimeMs: number; errorRate: number } | undefined
}

export function createWorkCounter(): WorkCounter {
  let [handled, errors, spentMs] = [0, 0, 0]
  return {
    measure: async (work, failed) => {
      const begun = performance.now()
      let isError = true
      try {
        const outcome = await work()
        isError = failed(outcome)
        return outcome
      } finally {
        handled += 1
        errors += isError ? 1 : 0
        spentMs += performance.now() - begun
      }
    },
    takeSample: () => {
      if (handled === 0) return undefined
      const sample = { requestsHandled: handled, avgResponseTimeMs: spentMs / handled, errorRate: errors / handled }
      handled = 0
      errors = 0
      spentMs = 0
      return sample
    },
  }
}
