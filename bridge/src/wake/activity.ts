import type { Clock } from '../clock.ts'

/**
 * Time without a hook or a tool call after which a session counts as idle, in milliseconds. The
 * hooks of a session report the end of each turn. Its longer time applies to an interrupted turn,
 * after which no hook runs.
 */
export const idleAfterMs = { withHooks: 600_000, withoutHooks: 60_000 } as const

/** Decides if a turn of the model runs, by its tool calls and hooks. */
export class Activity {
  readonly #clock: Clock
  readonly #onChange: (idle: boolean) => void
  #runningCalls = 0
  #hasHooks = false
  #isIdle = true
  #cancel: () => unknown = () => undefined

  constructor(clock: Clock, onChange: (idle: boolean) => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** Runs a tool. The session is not idle until some time after its end. */
  async during<T>(run: () => Promise<T>): Promise<T> {
    this.#runningCalls += 1
    this.#markActive()
    return run().finally(() => {
      this.#runningCalls -= 1
      this.#markActive()
    })
  }

  /** Records a hook. The end of a turn makes the session idle, any other hook active. */
  recordHook({ endsTurn }: { readonly endsTurn: boolean }): void {
    this.#hasHooks = true
    if (endsTurn && this.#runningCalls === 0) this.#markIdle()
    else this.#markActive()
  }

  close(): void {
    this.#cancel()
  }

  #markActive(): void {
    this.#cancel()
    if (this.#runningCalls === 0)
      this.#cancel = this.#clock.timer(this.#hasHooks ? idleAfterMs.withHooks : idleAfterMs.withoutHooks, () =>
        this.#markIdle(),
      )
    if (!this.#isIdle) return
    this.#isIdle = false
    this.#onChange(false)
  }

  #markIdle(): void {
    this.#cancel()
    if (this.#isIdle) return
    this.#isIdle = true
    this.#onChange(true)
  }
}
