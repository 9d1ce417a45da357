import type { Subscription } from '../api/calls.ts'
import { TonyError } from '../api/errors.ts'

/** What is asked of the server. */
export interface SubscriptionRequest {
  readonly path: string
  readonly input: unknown
  /** Where to go on. */
  readonly lastEventId: string | undefined
}

/** How a subscription reaches the server. */
export interface SubscriptionTransport {
  /** Asks for it; gives the id it got. Where that cannot be now, the subscription is opened again once it can. */
  start(subscription: LiveSubscription<unknown>, request: SubscriptionRequest): number | undefined
  stop(subscription: LiveSubscription<unknown>, id: number | undefined): void
}

/** So many unread things pause a resumable subscription: it is ended, and taken up again from its cursor once read. */
const bufferLimit = 5_000

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** A subscription that outlives sockets, as an async iterable. */
export class LiveSubscription<T> implements Subscription<T> {
  readonly #path: string
  readonly #input: unknown
  readonly #transport: SubscriptionTransport
  readonly #buffer: { id: string | undefined; data: T }[] = []
  #id: number | undefined
  /** Of the last thing received, where to resume; the caller's `cursor` is of the last one handed out. */
  #lastReceivedId: string | undefined
  #cursor: string | undefined
  #paused = false
  #started = false
  #end: { error: Error | undefined } | undefined
  #wake: (() => void) | undefined
  #removeAbortListener: () => void = () => undefined

  constructor(path: string, input: unknown, transport: SubscriptionTransport) {
    this.#path = path
    this.#input = input
    this.#transport = transport
  }

  get cursor(): string | undefined {
    return this.#cursor
  }

  /** There is an open socket: asks for everything after what was received. */
  open(): void {
    if (this.#end) return
    const lastEventId = this.#lastReceivedId
    const input =
      lastEventId === undefined || !isRecord(this.#input) ? this.#input : { ...this.#input, cursor: undefined }
    this.#id = this.#transport.start(this, { path: this.#path, input, lastEventId })
  }

  /** The server has taken it. */
  markStarted(): void {
    this.#started = true
  }

  /** Whether to ask for it again after an error. One that was refused for being one too many is its caller's to know of. */
  canResumeAfter({ retryable, code }: TonyError): boolean {
    return retryable && (this.#started || code !== 'RATE_LIMITED')
  }

  push(result: Record<string, unknown>): void {
    const { id, data } = result
    const tracked = typeof id === 'string' && isRecord(data)
    // The schema of the procedure is the server's promise; checking each event again would cost more than carrying it.
    const thing = (tracked ? data['data'] : data) as T
    if (tracked) this.#lastReceivedId = id
    this.#buffer.push({ id: tracked ? id : undefined, data: thing })
    if (tracked && this.#buffer.length >= bufferLimit) this.#pause()
    this.#wake?.()
  }

  /** The server ended it. While its socket is being closed that is no end: it is resumed on the next one. */
  handleStop(): void {
    if (!this.#paused) this.fail(undefined)
  }

  fail(error: Error | undefined): void {
    this.#end ??= { error }
    this.#removeAbortListener()
    this.#wake?.()
  }

  /** Ends with a signal, and leaves nothing on it when it ends before. */
  closeOnAbort(signal: AbortSignal): void {
    if (this.#end) return
    if (signal.aborted) return this.close()
    const end = () => this.close()
    signal.addEventListener('abort', end, { once: true })
    this.#removeAbortListener = () => signal.removeEventListener('abort', end)
  }

  close(): void {
    this.#transport.stop(this, this.#id)
    this.#buffer.length = 0
    this.fail(undefined)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    try {
      for (;;) {
        const next = this.#buffer.shift()
        if (next) {
          this.#cursor = next.id ?? this.#cursor
          yield next.data
        } else if (this.#end) {
          if (this.#end.error && !isClosed(this.#end.error)) throw this.#end.error
          return
        } else if (this.#paused) {
          this.#paused = false
          this.open()
        } else await this.#nextChange()
      }
    } finally {
      this.close()
    }
  }

  #pause(): void {
    this.#paused = true
    this.#transport.stop(this, this.#id)
    this.#id = undefined
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }
}

const isClosed = (error: Error): boolean => error instanceof TonyError && error.code === 'CLIENT_CLOSED'
