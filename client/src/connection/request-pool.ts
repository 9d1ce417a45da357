import { maxTimerMs, sleep } from './timers.ts'

/** So many requests at once to one server, of all clients of this process. What waits on the server stands beside them. */
export const maxConcurrentRequests = 32

interface Pool {
  busy: number
  readonly wakers: Set<() => void>
}

const pools = new Map<string, Pool>()

/** Waits for a place; the returned function gives it back. One that nobody waits for any more gets one at once. */
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
