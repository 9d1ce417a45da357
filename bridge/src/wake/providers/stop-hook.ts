import type { WakeProvider } from '../provider.ts'

/**
 * A hook that the host runs in the background at the end of a turn. It waits until its text is
 * here, and its end wakes the session.
 */
export class StopHook implements WakeProvider {
  readonly name = 'stop_hook'
  #answer: ((text: string) => void) | undefined

  isReady(): boolean {
    return this.#answer !== undefined
  }

  /** Waits for the text of the next wake; empty if the session is active or the hook is gone. */
  wait(gone: AbortSignal): Promise<string> {
    // The hook of an earlier turn has nothing more to do.
    this.release()
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#answer = resolve
    gone.addEventListener(
      'abort',
      () => {
        if (this.#answer === resolve) this.#answer = undefined
        resolve('')
      },
      { once: true },
    )
    return promise
  }

  /** Ends the waiting hook without a text. */
  release(): void {
    this.#answer?.('')
    this.#answer = undefined
  }

  async wake(text: string): Promise<void> {
    this.#answer?.(text)
    this.#answer = undefined
  }
}
