import type { Clock } from '../../platform/clock.ts'

/** Waits until a condition holds or a timeout passes. */
export class IdleWait {
  readonly #clock: Clock
  readonly #waiters = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Checks the conditions of all waiters again. Call it after each change. */
  recheck(): void {
    for (const check of [...this.#waiters]) check()
  }

  /** Resolves as soon as `isIdle` returns true, and after `ms` at the latest. */
  wait(ms: number, isIdle: () => boolean): Promise<void> {
    if (ms <= 0 || isIdle()) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        this.#waiters.delete(check)
        resolve()
      }
      const check = () => {
        if (isIdle()) end()
      }
      const cancel = this.#clock.timer(ms, end)
      this.#waiters.add(check)
    })
  }
}
