import type { Clock } from '../../platform/clock.ts'

/**
 * The database's time as close as this process can tell: the last reading plus the monotonic time
 * since. It never decreases, and it is ahead of the database by at most the drift of the two clocks
 * since the reading.
 */
export class DatabaseTime {
  readonly #clock: Clock
  readonly #override: (() => number) | undefined
  #syncedTime = 0
  #syncedAt = 0
  #latest = 0

  /** `override` replaces the database's time in tests. */
  constructor(clock: Clock, override?: () => number) {
    this.#clock = clock
    this.#override = override
  }

  /** Stores a reading of the database's clock and returns the time to use. */
  sync(time: number): number {
    this.#syncedTime = time
    this.#syncedAt = this.#clock.monotonic()
    return this.now()
  }

  now(): number {
    const time = this.#override?.() ?? Math.floor(this.#syncedTime + this.#clock.monotonic() - this.#syncedAt)
    this.#latest = Math.max(this.#latest, time)
    return this.#latest
  }
}
