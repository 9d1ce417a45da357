import type { TonyError } from './errors.ts'

/** Backoff between repeats of a call the server could not take: full jitter. */
const retry = { initialMs: 50, maximumMs: 2_000 }

/** How long to wait before the next attempt, in milliseconds. */
export function delayAfter({ retryAfterMs, code }: TonyError, attempt: number): number {
  const ceiling = Math.min(retry.maximumMs, retry.initialMs * 2 ** attempt)
  return retryAfterMs ?? (code === 'CONNECTION_LOST' ? 0 : Math.random() * ceiling)
}

/** Settles after `ms`, or earlier: when woken through `wakers`, or when `signal` says that nobody waits any more. */
export function rest(ms: number, wakers: Set<() => void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      wakers.delete(done)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    wakers.add(done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
