import type { Clock } from '../../platform/clock.ts'

/**
 * The database's time as near as this process knows it: what it said last, and how long ago that was by the monotonic clock.
 * Never ahead of the database by more than the two clocks drift in between, and never back.
 */
export class DatabaseTime {
  readonly #clock: Clock
  readonly #instead: (() => number) | undefined
  #said = 0
  #saidAt = 0
  #latest = 0

  /** `instead`: a time that stands in for the database's, in tests. */
  constructor(clock: Clock, instead?: () => number) {
    this.#clock = clock
    this.#instead = instead
  }

  /** Takes note of what the database says now. Returns the time of whatever asked. */
  hear(said: number): number {
    this.#said = said
    this.#saidAt = this.#clock.monotonic()
    return this.now()
  }

  now(): number {
    const time = this.#instead?.() ?? Math.floor(this.#said + this.#clock.monotonic() - this.#saidAt)
    this.#latest = Math.max(this.#latest, time)
    return this.#latest
  }
}
