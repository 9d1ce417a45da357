import type { Clock } from '../../platform/clock.ts'

/** Waits until something that changes now and then has come to rest, or the time is up. */
export class IdleWait {
  readonly #clock: Clock
  readonly #waiters = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Something has changed: whoever waits looks again. */
  recheck(): void {
    for (const check of [...this.#waiters]) check()
  }

  /** Settles as soon as `isQuiet`, and after `ms` in any case. */
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
