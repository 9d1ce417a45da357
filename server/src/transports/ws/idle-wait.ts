import type { Clock } from '../../platform/clock.ts'

/** Waits until something that changes now and then has come to rest, or the time is up. */
export class Quiet {
  readonly #clock: Clock
  readonly #looking = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Something has changed: whoever waits looks again. */
  changed(): void {
    for (const look of [...this.#looking]) look()
  }

  /** Settles as soon as `isQuiet`, and after `ms` in any case. */
  within(ms: number, isQuiet: () => boolean): Promise<void> {
    if (ms <= 0 || isQuiet()) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        this.#looking.delete(look)
        resolve()
      }
      const look = () => {
        if (isQuiet()) end()
      }
      const cancel = this.#clock.timer(ms, end)
      this.#looking.add(look)
    })
  }
}
