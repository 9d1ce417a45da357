/** What a session tells time by. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  monotonic(): number
  /** Runs `run` once, `ms` from now. The returned function calls it off. */
  timer(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  timer(ms, run) {
    const timer = setTimeout(run, ms)
    // A session that waits for its next heartbeat alone has nothing left to do.
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Runs `run` every `ms`, until called off. */
export function every(clock: Clock, ms: number, run: () => void): () => void {
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

/** Resolves after `ms`, or as soon as `signal` says so. */
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
