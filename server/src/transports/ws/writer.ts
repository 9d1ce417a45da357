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
  readonly #tooSlow: () => void
  #corked = false
  #draining: Promise<void> | undefined

  constructor(raw: Duplex, clock: Clock, limits: Limits, tooSlow: () => void) {
    this.#raw = raw
    this.#clock = clock
    this.#limits = limits
    this.#tooSlow = tooSlow
  }

  /** Whether more is waiting to be read by the client than may. Below its own high-water mark a stream says no `drain`. */
  get congested(): boolean {
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
  async drained(signal: AbortSignal): Promise<void> {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
    })
    if (signal.aborted) return
    let leave: () => void = () => undefined
    const aborted = new Promise<void>((resolve) => {
      leave = resolve
      signal.addEventListener('abort', leave, { once: true })
    })
    await Promise.race([this.#draining, aborted])
    signal.removeEventListener('abort', leave)
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.timer(this.#limits.slowConsumerMs, this.#tooSlow)
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
