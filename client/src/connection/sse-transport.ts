import { clientClosedError, TonyError, toTonyError } from '../api/errors.ts'
import { isRecord } from '../api/is-record.ts'
import { callerHeadersOf, type HttpTransportOptions } from './http-transport.ts'
import { readSseEvents, type SseEvent } from './sse.ts'
import type { LiveSubscription, SubscriptionRequest, SubscriptionTransport } from './subscription.ts'
import { jitteredDelayMsOf, type Timer } from './timers.ts'

type AnySubscription = LiveSubscription<unknown>

/** Backoff between attempts to resume a subscription. */
const backoff = { initialMs: 100, maximumMs: 5_000 }

/** Returns the error in a reply that is no event stream. */
async function readError(response: Response): Promise<TonyError> {
  const reply: unknown = await response.json().catch(() => undefined)
  return toTonyError(isRecord(reply) ? reply['error'] : undefined)
}

/**
 * Carries each subscription as server-sent events over one HTTP request, where networks block
 * WebSockets.
 */
export class SseTransport implements SubscriptionTransport {
  readonly #options: HttpTransportOptions
  readonly #streamControllers = new Map<number, AbortController>()
  readonly #retryTimers = new Map<AnySubscription, Timer>()
  readonly #failures = new WeakMap<AnySubscription, number>()
  #lastId = 0
  #closed = false

  constructor(options: HttpTransportOptions) {
    this.#options = options
  }

  startSubscription(subscription: AnySubscription, request: SubscriptionRequest): number | undefined {
    if (this.#closed) {
      subscription.finish(clientClosedError())
      return undefined
    }
    this.#lastId += 1
    const id = this.#lastId
    const controller = new AbortController()
    this.#streamControllers.set(id, controller)
    void this.#run(subscription, request, controller).finally(() => this.#streamControllers.delete(id))
    return id
  }

  stopSubscription(subscription: AnySubscription, id: number | undefined): void {
    clearTimeout(this.#retryTimers.get(subscription))
    this.#retryTimers.delete(subscription)
    if (id !== undefined) this.#streamControllers.get(id)?.abort(closedByCallerReason)
  }

  close(): void {
    this.#closed = true
    for (const [subscription, timer] of this.#retryTimers) {
      clearTimeout(timer)
      subscription.finish(clientClosedError())
    }
    this.#retryTimers.clear()
    for (const ending of this.#streamControllers.values()) ending.abort()
  }

  /**
   * Reads the stream until the server ends it, refuses it, or the connection is lost. After a
   * refusal or a loss the subscription is resumed if that can help.
   */
  async #run(subscription: AnySubscription, request: SubscriptionRequest, controller: AbortController): Promise<void> {
    const outcome = await this.#read(subscription, request, controller).catch((error: unknown) => error)
    if (this.#closed) return subscription.finish(clientClosedError())
    if (outcome === undefined) return subscription.handleStop()
    if (controller.signal.reason === closedByCallerReason) return
    const { onExpired, onReachable } = this.#options
    if (!(outcome instanceof TonyError)) onReachable(false, outcome instanceof Error ? outcome.message : undefined)
    else if (outcome.code === 'TOKEN_EXPIRED' && onExpired) onExpired()
    else if (!subscription.canResumeAfter(outcome)) return subscription.finish(outcome)
    const failures = this.#failures.get(subscription) ?? 0
    this.#failures.set(subscription, failures + 1)
    const reopen = () => {
      this.#retryTimers.delete(subscription)
      subscription.open()
    }
    this.#retryTimers.set(subscription, setTimeout(reopen, jitteredDelayMsOf(backoff, failures)))
  }

  /** Resolves when the server ends the stream. */
  async #read(
    subscription: AnySubscription,
    { path, input, lastEventId }: SubscriptionRequest,
    controller: AbortController,
  ): Promise<undefined> {
    const { url, getConnectionParams, timeouts, onReachable } = this.#options
    const silentMs = timeouts.pingMs + timeouts.pongMs
    const giveUp = () => controller.abort()
    let silenceTimer = setTimeout(giveUp, silentMs)
    try {
      const query = `input=${encodeURIComponent(JSON.stringify(input))}`
      const after = lastEventId === undefined ? '' : `&lastEventId=${encodeURIComponent(lastEventId)}`
      const headers = { ...callerHeadersOf(await getConnectionParams()), accept: 'text/event-stream' }
      const response = await fetch(`${url}/trpc/${path}?${query}${after}`, { headers, signal: controller.signal })
      onReachable(true, undefined)
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
      if (!response.ok || !response.body || !isStream) throw await readError(response)
      subscription.markStarted()
      const events = readSseEvents(response.body, () => {
        clearTimeout(silenceTimer)
        silenceTimer = setTimeout(giveUp, silentMs)
      })
      for await (const event of events) if (this.#receive(subscription, event)) return undefined
      throw new Error('the stream broke off')
    } finally {
      clearTimeout(silenceTimer)
      // Also aborts a response that was read only in part.
      controller.abort()
    }
  }

  /** Handles one event. Returns true if it ends the stream. */
  #receive(subscription: AnySubscription, { event, data, id }: SseEvent): boolean {
    if (event === 'return') return true
    if (event === 'serialized-error') throw toTonyError(JSON.parse(data))
    if (event !== 'message') return false
    this.#failures.delete(subscription)
    const item: unknown = JSON.parse(data)
    subscription.push(id === undefined || id === '' ? { data: item } : { id, data: { id, data: item } })
    return false
  }
}

/** Abort reason of a stream whose subscription was closed or paused. */
const closedByCallerReason = 'unwanted'
