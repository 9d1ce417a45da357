/** Wakes one waiter. A notification without a waiter is kept and ends the next wait at once. */
export class Notifier {
  #notified = false
  #resolve: (() => void) | undefined

  readonly notify = (): void => {
    this.#notified = true
    this.#resolve?.()
  }

  /** Resolves at the next notification, or at once if there was one since the last wait. */
  async wait(): Promise<void> {
    if (!this.#notified) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve
      })
      this.#resolve = undefined
    }
    this.#notified = false
  }
}
