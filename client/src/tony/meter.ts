/** Counts what an agent handles, for its health reports. */
export interface Meter {
  /** Runs something and counts it: as an error where it throws, or where `failed` says so of what it gives. */
  measure<T>(work: () => Promise<T>, failed: (outcome: T) => boolean): Promise<T>
  /** What has been handled since the last call; undefined when that is nothing. */
  takeSample(): { requestsHandled: number; avgResponseTimeMs: number; errorRate: number } | undefined
}

export function createMeter(): Meter {
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
