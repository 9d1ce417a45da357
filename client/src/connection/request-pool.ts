import { maxTimerMs, sleep } from './timers.ts'

/**
 * Number of concurrent HTTP requests to one server, over all clients of this process. Blocking
 * calls do not count.
 */
export const maxConcurrentRequests = 32

interface RequestPool {
  busy: number
  readonly waiters: Set<() => void>
}

const requestPools = new Map<string, RequestPool>()

/**
 * Waits for a slot and returns the function that frees it. Returns at once if the signal aborts.
 */
export async function acquireSlot(url: string, signal: AbortSignal): Promise<() => void> {
  const pool = requestPools.get(url) ?? { busy: 0, waiters: new Set() }
  requestPools.set(url, pool)
  while (pool.busy >= maxConcurrentRequests && !signal.aborted) await sleep(maxTimerMs, pool.waiters, signal)
  pool.busy += 1
  return () => {
    pool.busy -= 1
    for (const wake of pool.waiters) return wake()
    return undefined
  }
}
