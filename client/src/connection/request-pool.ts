import { longestMs, rest } from './timers.ts'

/** So many requests at once to one server, of all clients of this process. What waits on the server stands beside them. */
export const places = 32

interface Pool {
  busy: number
  readonly waiting: Set<() => void>
}

const pools = new Map<string, Pool>()

/** Waits for a place; the returned function gives it back. One that nobody waits for any more gets one at once. */
export async function enterPool(url: string, signal: AbortSignal): Promise<() => void> {
  const pool = pools.get(url) ?? { busy: 0, waiting: new Set() }
  pools.set(url, pool)
  while (pool.busy >= places && !signal.aborted) await rest(longestMs, pool.waiting, signal)
  pool.busy += 1
  return () => {
    pool.busy -= 1
    for (const wake of pool.waiting) return wake()
    return undefined
  }
}
