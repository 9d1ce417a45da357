/** Time, chance and timers, given to whoever needs them, so that a test can hold all three still. */
export interface Clock {
  /** Milliseconds since 1970; may jump when an administrator sets the clock. */
  wall(): number
  /** Milliseconds since some moment; never goes back. */
  monotonic(): number
  /** [0, 1) */
  random(): number
  /** Calls `run` once after `ms`; the returned function cancels it. A timer never keeps the process alive. */
  timer(ms: number, run: () => void): () => void
  /** Stands in for the clock of a database that has one of its own: where a test says what time it is. */
  readonly databaseTime?: () => number
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  timer: (ms, run) => {
    const handle = setTimeout(run, ms)
    handle.unref()
    return () => clearTimeout(handle)
  },
}

/** Waits, and keeps the process alive meanwhile: for a command that has nothing else to live for. Ends early with the signal. */
export const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const handle = setTimeout(resolve, ms)
    const finish = () => {
      clearTimeout(handle)
      resolve()
    }
    signal.addEventListener('abort', finish, { once: true })
  })

/**
 * The clock that decides leases on SQLite: starts at the wall's time, or at the last commit's if the wall was set back
 * since, and then follows the monotonic clock, so that a jump of the wall neither ends a lease nor doubles one.
 */
export function anchoredNow(clock: Clock, lastCommit: number): () => number {
  const anchor = Math.max(clock.wall(), lastCommit)
  const start = clock.monotonic()
  return () => Math.floor(anchor + clock.monotonic() - start)
}

/** Lets what else is waiting have its turn: a loop of many steps would otherwise hold up every other caller until its end. */
export const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
