import type { Duplex } from 'node:stream'
import type { Limits } from '../../limits.ts'
import type { Clock } from '../../platform/clock.ts'

let pendingUncorks: (() => void)[] = []

/** Uncorks all sockets of a turn in one callback: an event for all subscribers corks hundreds. */
function uncorkAfterLoopTurn(uncork: () => void): void {
  pendingUncorks.push(uncork)
  if (pendingUncorks.length > 1) return
  setImmediate(() => {
    const all = pendingUncorks
    pendingUncorks = []
    for (const one of all) one()
  })
}

/**
 * The outgoing half of a socket. It corks the writes of one event-loop iteration, so that many
 * frames take one system call. Unread data is bounded: a subscription waits here until the client
 * has read, and after too long a wait the socket is closed with `CONSUMER_TOO_SLOW`.
 */
export class SocketWriter {
  readonly #raw: Duplex
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #onTooSlow: () => void
  readonly #uncork = (): void => {
    this.flush()
    this.#corked = false
    this.#raw.uncork()
  }
  #corked = false
  /** Frames as text of Latin-1, which the end of this iteration writes. */
  #joined = ''
  #drained: Promise<void> | undefined

  constructor(raw: Duplex, clock: Clock, limits: Limits, onTooSlow: () => void) {
    this.#raw = raw
    this.#clock = clock
    this.#limits = limits
    this.#onTooSlow = onTooSlow
  }

  /**
   * True if the client has left more than the limit unread. A stream below its own high-water mark
   * emits no `drain`.
   */
  get isCongested(): boolean {
    return this.#raw.writableNeedDrain && this.#raw.writableLength > this.#limits.socketBufferBytes
  }

  write(frame: Buffer): void {
    if (this.#raw.destroyed || this.#raw.writableEnded) return
    this.#cork()
    this.#raw.write(frame)
    // From now on the client has a limited time to read: nothing else may look at the socket again.
    if (this.isCongested) void this.#drain()
  }

  /**
   * Writes frames that are given as text of Latin-1, joined with the others of this iteration. A
   * server under load sends hundreds of refusals at once, and each buffer of a write costs 1 µs.
   */
  writeJoined(frames: string): void {
    this.#cork()
    this.#joined += frames
  }

  /** Hands joined frames to the stream. Nothing can follow a close frame. */
  flush(): void {
    const joined = this.#joined
    this.#joined = ''
    if (joined !== '') this.write(Buffer.from(joined, 'latin1'))
  }

  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#raw.cork()
    uncorkAfterLoopTurn(this.#uncork)
  }

  /**
   * Bytes that the client has left unread; 0 below the stream's own high-water mark, because the
   * stream then emits no `drain`.
   */
  get unsentBytes(): number {
    return this.#raw.writableNeedDrain ? this.#raw.writableLength : 0
  }

  /** Resolves when the client has read its backlog or is gone, or when `signal` aborts. */
  async waitForDrain(signal?: AbortSignal): Promise<void> {
    const drained = this.#drain()
    if (!signal) return drained
    if (signal.aborted) return
    let stopWaiting: () => void = () => undefined
    const aborted = new Promise<void>((resolve) => {
      stopWaiting = resolve
      signal.addEventListener('abort', stopWaiting, { once: true })
    })
    await Promise.race([drained, aborted])
    signal.removeEventListener('abort', stopWaiting)
  }

  #drain(): Promise<void> {
    this.#drained ??= this.#waitForDrainEvent().finally(() => {
      this.#drained = undefined
    })
    return this.#drained
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
