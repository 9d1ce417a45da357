import { maxTimerMs, sleep } from './timers.ts'

/**
 * Number of concurrent HTTP requests to one server, over all clients of this process. Blocking
 * calls do not count.
 */
export const maxConcurrentRequests = 32

interface Pool {
  busy: number
  readonly wakers: Set<() => void>
}

const pools = new Map<string, Pool>()

/**
 * Waits for a slot and returns the function that frees it. Returns at once if the signal aborts.
 */
export async function acquireSlot(url: string, signal: AbortSignal): Promise<() => void> {
  const pool = pools.get(url) ?? { busy: 0, wakers: new Set() }
  pools.set(url, pool)
  while (pool.busy >= maxConcurrentRequests && !signal.aborted) await sleep(maxTimerMs, pool.wakers, signal)
  pool.busy += 1
  return () => {
    pool.busy -= 1
    for (const wake of pool.wakers) return wake()
    return undefined
  }
}
