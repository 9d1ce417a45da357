export type Timer = ReturnType<typeof setTimeout>

/** A timer that does not keep the process alive, where there are processes. */
export function unrefTimer(timer: Timer): Timer {
  const held: unknown = timer
  if (typeof held === 'object' && held !== null && 'unref' in held && typeof held.unref === 'function') held.unref()
  return timer
}

/** A timer holds at most 2^31 milliseconds; what is longer it would run at once. */
export const maxTimerMs = 2 ** 31 - 1

/** Settles after `ms`, or earlier: when woken through `wakers`, or when `signal` says that nobody waits any more. */
export function sleep(ms: number, wakers: Set<() => void>, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      wakers.delete(done)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.min(ms, maxTimerMs))
    wakers.add(done)
    if (signal?.aborted) done()
    else signal?.addEventListener('abort', done, { once: true })
  })
}

/** Full jitter: anything up to a ceiling that doubles with each attempt. In milliseconds. */
export const jitteredDelayMs = ({ initialMs, maximumMs }: Backoff, attempt: number): number =>
  Math.random() * Math.min(maximumMs, initialMs * 2 ** Math.min(attempt, 30))

export interface Backoff {
  readonly initialMs: number
  readonly maximumMs: number
}
