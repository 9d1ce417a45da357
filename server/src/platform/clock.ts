/** Time, random numbers and timers. They are injected so that a test can control all three. */
export interface Clock {
  /** Milliseconds since 1970. It jumps when an administrator sets the clock. */
  wall(): number
  /** Milliseconds since an arbitrary start; never decreases. */
  monotonic(): number
  /** CPU time of this thread in milliseconds; absent if the clock does not know it. */
  readonly threadCpu?: () => number
  /** A random number in [0, 1). */
  random(): number
  /**
   * Calls `run` once after `ms`; the returned function cancels it. A timer never keeps the process
   * alive.
   */
  timer(ms: number, run: () => void): () => void
  /** Replaces the clock of the database in a test that sets the time. */
  readonly databaseTime?: () => number
}

function threadCpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  // Node 22 has it only in its last versions.
  ...(typeof process.threadCpuUsage === 'function' && { threadCpu }),
  random: () => Math.random(),
  timer: (ms, run) => {
    const handle = setTimeout(run, ms)
    handle.unref()
    return () => clearTimeout(handle)
  },
}

/**
 * Waits for `ms` or until the signal aborts. It keeps the process alive, for a command that has no
 * other work pending.
 */
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
 * Returns the clock that decides leases on SQLite. It starts at the wall clock, or at the last
 * commit if the wall clock was set back since, and then follows the monotonic clock. A jump of the
 * wall clock can therefore neither expire a lease nor grant it twice.
 */
export function createLeaseClock(clock: Clock, lastCommit: number): () => number {
  const anchor = Math.max(clock.wall(), lastCommit)
  const start = clock.monotonic()
  return () => Math.floor(anchor + clock.monotonic() - start)
}

/**
 * Lets other callbacks run. Without it a loop of many steps delays every other caller until its
 * end.
 */
export const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
