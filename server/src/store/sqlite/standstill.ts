import type { Clock } from '../../platform/clock.ts'

/** A time in which this process did not run. */
export interface Standstill {
  /** The store's time at its beginning, in milliseconds since 1970. */
  readonly since: number
  readonly ms: number
}

const tickMs = 250

/** A gap this long between two ticks is a standstill. The shortest lease is five times as long. */
const standstillMs = 1_000

/**
 * Notices that this process stood still: stopped by a signal, frozen with its machine, or suspended
 * with a laptop. Nobody could extend a lease in that time, as in an outage of the server, so every
 * deadline gains its length before anything else is done.
 */
export class StandstillWatch {
  readonly #clock: Clock
  readonly #now: () => number
  readonly #onStandstill: () => void
  #lastTick: number
  #cancel: () => void = () => undefined

  constructor({ clock, now, onStandstill }: { clock: Clock; now: () => number; onStandstill: () => void }) {
    this.#clock = clock
    this.#now = now
    this.#onStandstill = onStandstill
    this.#lastTick = now()
  }

  start(): void {
    // A test that sets the time itself lets hours pass in one step.
    if (this.#clock.databaseTime) return
    this.#lastTick = this.#now()
    this.#schedule()
  }

  stop(): void {
    this.#cancel()
  }

  /** Returns the standstill since the last tick, once; undefined if there was none. */
  takeStandstill(): Standstill | undefined {
    if (this.#clock.databaseTime) return undefined
    const since = this.#lastTick
    const ms = this.#now() - since
    if (ms < standstillMs) return undefined
    this.#lastTick += ms
    return { since, ms }
  }

  #schedule(): void {
    this.#cancel = this.#clock.timer(tickMs, () => {
      const now = this.#now()
      // The tick after a standstill leaves it to the next transaction, which grants the time.
      if (now - this.#lastTick < standstillMs) this.#lastTick = now
      else this.#onStandstill()
      this.#schedule()
    })
  }
}
