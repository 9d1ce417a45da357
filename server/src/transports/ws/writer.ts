import type { Duplex } from 'node:stream'
import type { Limits } from '../../limits.ts'
import type { Clock } from '../../platform/clock.ts'

/**
 * The outgoing half of a socket. Writes of one turn of the event loop are corked together, one system call for many frames,
 * and what a client does not read is bounded: a subscription waits here, and one that waits too long is cut off by name.
 */
export class SocketWriter {
  readonly #raw: Duplex
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #onTooSlow: () => void
  #corked = false
  #drained: Promise<void> | undefined

  constructor(raw: Duplex, clock: Clock, limits: Limits, onTooSlow: () => void) {
    this.#raw = raw
    this.#clock = clock
    this.#limits = limits
    this.#onTooSlow = onTooSlow
  }

  /** Whether more is waiting to be read by the client than may. Below its own high-water mark a stream says no `drain`. */
  get isCongested(): boolean {
    return this.#raw.writableNeedDrain && this.#raw.writableLength > this.#limits.socketBufferBytes
  }

  write(frame: Buffer): void {
    if (this.#raw.destroyed || this.#raw.writableEnded) return
    if (!this.#corked) {
      this.#corked = true
      this.#raw.cork()
      setImmediate(() => {
        this.#corked = false
        this.#raw.uncork()
      })
    }
    this.#raw.write(frame)
  }

  /** Settles when the client has read on, is gone, or `signal` says that nobody waits any more. */
  async waitForDrain(signal: AbortSignal): Promise<void> {
    this.#drained ??= this.#waitForDrainEvent().finally(() => {
      this.#drained = undefined
    })
    if (signal.aborted) return
    let stopWaiting: () => void = () => undefined
    const aborted = new Promise<void>((resolve) => {
      stopWaiting = resolve
      signal.addEventListener('abort', stopWaiting, { once: true })
    })
    await Promise.race([this.#drained, aborted])
    signal.removeEventListener('abort', stopWaiting)
  }

  #waitForDrainEvent(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.timer(this.#limits.slowConsumerMs, this.#onTooSlow)
      const done = () => {
        cancel()
        this.#raw.off('drain', done)
        this.#raw.off('close', done)
        resolve()
      }
      this.#raw.on('drain', done)
      this.#raw.on('close', done)
    })
  }
}
