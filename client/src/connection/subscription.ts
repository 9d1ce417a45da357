import type { Subscription } from '../api/calls.ts'
import { TonyError } from '../api/errors.ts'
import { isRecord } from '../api/is-record.ts'

/** The request for a subscription. */
export interface SubscriptionRequest {
  readonly path: string
  readonly input: unknown
  /** Id of the last received item, after which the server resumes. */
  readonly lastEventId: string | undefined
}

/** The transport of a subscription. */
export interface SubscriptionTransport {
  /**
   * Requests the subscription and returns its id. Without a connection it returns undefined and
   * opens the subscription again later.
   */
  startSubscription(subscription: LiveSubscription<unknown>, request: SubscriptionRequest): number | undefined
  stopSubscription(subscription: LiveSubscription<unknown>, id: number | undefined): void
}

/**
 * Number of unread items that pauses a resumable subscription. The server ends it, and it resumes
 * from its cursor once the items are read.
 */
const bufferLimit = 5_000

/** A subscription that outlives its sockets, as an async iterable. */
export class LiveSubscription<T> implements Subscription<T> {
  readonly #path: string
  readonly #input: unknown
  readonly #transport: SubscriptionTransport
  readonly #buffer: { id: string | undefined; data: T }[] = []
  #id: number | undefined
  /**
   * Id of the last received item, where the server resumes. The caller's `cursor` is that of the
   * last item handed out.
   */
  #lastReceivedId: string | undefined
  #cursor: string | undefined
  #paused = false
  #started = false
  #end: { error: Error | undefined } | undefined
  #notify: (() => void) | undefined
  #removeAbortListener: () => void = () => undefined

  constructor(path: string, input: unknown, transport: SubscriptionTransport) {
    this.#path = path
    this.#input = input
    this.#transport = transport
  }

  get cursor(): string | undefined {
    return this.#cursor
  }

  /** Requests everything after the last received item. */
  open(): void {
    if (this.#end) return
    const lastEventId = this.#lastReceivedId
    const input =
      lastEventId === undefined || !isRecord(this.#input) ? this.#input : { ...this.#input, cursor: undefined }
    this.#id = this.#transport.startSubscription(this, { path: this.#path, input, lastEventId })
  }

  /** Records that the server has accepted the subscription. */
  markStarted(): void {
    this.#started = true
  }

  /**
   * True if the subscription can be requested again after an error. A refusal at the limit of
   * subscriptions is an error for the caller instead.
   */
  canResumeAfter({ retryable, code }: TonyError): boolean {
    return retryable && (this.#started || code !== 'RATE_LIMITED')
  }

  push(result: Record<string, unknown>): void {
    const { id, data } = result
    const tracked = typeof id === 'string' && isRecord(data)
    // The server guarantees the schema of its procedures. Checking each event again would cost more
    // than carrying it.
    const item = (tracked ? data['data'] : data) as T
    if (tracked) this.#lastReceivedId = id
    this.#buffer.push({ id: tracked ? id : undefined, data: item })
    if (tracked && this.#buffer.length >= bufferLimit) this.#pause()
    this.#notify?.()
  }

  /** Ends the subscription after a stop by the server. A stop that pauses it is no end. */
  handleStop(): void {
    if (!this.#paused) this.finish(undefined)
  }

  finish(error: Error | undefined): void {
    this.#end ??= { error }
    this.#removeAbortListener()
    this.#notify?.()
  }

  /** Closes the subscription when the signal aborts, and removes the listener if it ends before. */
  closeOnAbort(signal: AbortSignal): void {
    if (this.#end) return
    if (signal.aborted) return this.close()
    const end = () => this.close()
    signal.addEventListener('abort', end, { once: true })
    this.#removeAbortListener = () => signal.removeEventListener('abort', end)
  }

  close(): void {
    this.#transport.stopSubscription(this, this.#id)
    this.#buffer.length = 0
    this.finish(undefined)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    try {
      for (;;) {
        const next = this.#buffer.shift()
        if (next) {
          this.#cursor = next.id ?? this.#cursor
          yield next.data
        } else if (this.#end) {
          if (this.#end.error && !isClientClosedError(this.#end.error)) throw this.#end.error
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
    this.#transport.stopSubscription(this, this.#id)
    this.#id = undefined
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#notify = () => {
        this.#notify = undefined
        resolve()
      }
    })
  }
}

const isClientClosedError = (error: Error): boolean => error instanceof TonyError && error.code === 'CLIENT_CLOSED'
