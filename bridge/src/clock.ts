/** The clock and the timers of a bridge. */
export interface Clock {
  /** Milliseconds since an arbitrary origin; never decreases. */
  monotonic(): number
  /** Runs `run` once after `ms`. The returned function cancels it. */
  timer(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  timer(ms, run) {
    const timer = setTimeout(run, ms)
    // A timer alone does not keep the process alive: a session that only waits for its next
    // heartbeat is done.
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Runs `run` every `ms`. The returned function ends that. */
export function repeatEvery(clock: Clock, ms: number, run: () => void): () => void {
  let cancel = () => undefined as unknown
  const next = () => {
    cancel = clock.timer(ms, () => {
      next()
      run()
    })
  }
  next()
  return () => cancel()
}

/** Resolves after `ms` or when the signal aborts. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const cancel = clock.timer(ms, resolve)
    const stop = () => {
      cancel()
      resolve()
    }
    signal.addEventListener('abort', stop, { once: true })
  })
}

/** Resolves with a promise, or with undefined as soon as the signal aborts. */
export function raceWithAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
  const stop = () => resolve(undefined)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', stop))
}
