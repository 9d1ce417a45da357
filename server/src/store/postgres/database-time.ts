import type { Clock } from '../../platform/clock.ts'

/**
 * The database's time as near as this process knows it: what it said last, and how long ago that was by the monotonic clock.
 * Never ahead of the database by more than the two clocks drift in between, and never back.
 */
export class DatabaseTime {
  readonly #clock: Clock
  readonly #override: (() => number) | undefined
  #syncedTime = 0
  #syncedAt = 0
  #latest = 0

  /** `instead`: a time that stands in for the database's, in tests. */
  constructor(clock: Clock, override?: () => number) {
    this.#clock = clock
    this.#override = override
  }

  /** Takes note of what the database says now. Returns the time of whatever asked. */
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
