export type Timer = ReturnType<typeof setTimeout>

/** Keeps a timer from holding the process open, where the runtime supports it. */
export function unrefTimer(timer: Timer): Timer {
  const held: unknown = timer
  if (typeof held === 'object' && held !== null && 'unref' in held && typeof held.unref === 'function') held.unref()
  return timer
}

/** Longest delay of a timer, in milliseconds. A timer with a longer one would fire at once. */
export const maxTimerMs = 2 ** 31 - 1

/** Resolves after `ms`, or earlier if it is woken through `waiters` or the signal aborts. */
export function sleep(ms: number, waiters: Set<() => void>, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      waiters.delete(done)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.min(ms, maxTimerMs))
    waiters.add(done)
    if (signal?.aborted) done()
    else signal?.addEventListener('abort', done, { once: true })
  })
}

/**
 * Returns a delay with full jitter, in milliseconds: random up to a ceiling that doubles with each
 * attempt.
 */
export const jitteredDelayMsOf = ({ initialMs, maximumMs }: Backoff, attempt: number): number =>
  Math.random() * Math.min(maximumMs, initialMs * 2 ** Math.min(attempt, 30))

export interface Backoff {
  readonly initialMs: number
  readonly maximumMs: number
}
