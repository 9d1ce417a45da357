import type { Clock } from '../../platform/clock.ts'

/** Waits until a condition holds or a timeout passes. */
export class ConditionWait {
  readonly #clock: Clock
  readonly #waiters = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Checks the conditions of all waiters again. Call it after each change. */
  recheck(): void {
    for (const check of [...this.#waiters]) check()
  }

  /** Resolves as soon as `holds` returns true, and after `ms` at the latest. */
  wait(ms: number, holds: () => boolean): Promise<void> {
    if (ms <= 0 || holds()) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        this.#waiters.delete(check)
        resolve()
      }
      const check = () => {
        if (holds()) end()
      }
      const cancel = this.#clock.timer(ms, end)
      this.#waiters.add(check)
    })
  }
}
