import { clientClosed, fromWire, TonyError } from '../api/errors.ts'
import { type HttpOptions, headersOf } from './http-transport.ts'
import { eventsOf, type ServerEvent } from './sse.ts'
import type { Feed, LiveSubscription, Wanted } from './subscription.ts'
import { jitter, type Timer } from './timers.ts'

type Subscribed = LiveSubscription<unknown>

/** Backoff between attempts to take a subscription up again. */
const backoff = { initialMs: 100, maximumMs: 5_000 }

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** The error an answer that is no stream holds. */
async function refusalIn(response: Response): Promise<TonyError> {
  const reply: unknown = await response.json().catch(() => undefined)
  return fromWire(isRecord(reply) ? reply['error'] : undefined)
}

/** Subscriptions as server-sent events, one request each: for networks that let no WebSocket through. */
export class SseFeed implements Feed {
  readonly #options: HttpOptions
  readonly #running = new Map<number, AbortController>()
  readonly #waiting = new Map<Subscribed, Timer>()
  readonly #failures = new WeakMap<Subscribed, number>()
  #lastId = 0
  #closed = false

  constructor(options: HttpOptions) {
    this.#options = options
  }

  start(subscription: Subscribed, wanted: Wanted): number | undefined {
    if (this.#closed) {
      subscription.fail(clientClosed())
      return undefined
    }
    this.#lastId += 1
    const id = this.#lastId
    const ending = new AbortController()
    this.#running.set(id, ending)
    void this.#run(subscription, wanted, ending).finally(() => this.#running.delete(id))
    return id
  }

  stop(subscription: Subscribed, id: number | undefined): void {
    clearTimeout(this.#waiting.get(subscription))
    this.#waiting.delete(subscription)
    if (id !== undefined) this.#running.get(id)?.abort(unwanted)
  }

  close(): void {
    this.#closed = true
    for (const [subscription, timer] of this.#waiting) {
      clearTimeout(timer)
      subscription.fail(clientClosed())
    }
    this.#waiting.clear()
    for (const ending of this.#running.values()) ending.abort()
  }

  /** Reads until the server ends it, refuses it, or is lost; in the last two cases it is taken up again if that is of use. */
  async #run(subscription: Subscribed, wanted: Wanted, ending: AbortController): Promise<void> {
    const outcome = await this.#read(subscription, wanted, ending).catch((error: unknown) => error)
    if (this.#closed) return subscription.fail(clientClosed())
    if (outcome === undefined) return subscription.stopped()
    if (ending.signal.reason === unwanted) return
    const { onExpired, onReached } = this.#options
    if (!(outcome instanceof TonyError)) onReached(false, outcome instanceof Error ? outcome.message : undefined)
    else if (outcome.code === 'TOKEN_EXPIRED' && onExpired) onExpired()
    else if (!subscription.resumesAfter(outcome)) return subscription.fail(outcome)
    const failures = this.#failures.get(subscription) ?? 0
    this.#failures.set(subscription, failures + 1)
    const again = () => {
      this.#waiting.delete(subscription)
      subscription.open()
    }
    this.#waiting.set(subscription, setTimeout(again, jitter(backoff, failures)))
  }

  /** Resolves when the server ended it by itself. */
  async #read(
    subscription: Subscribed,
    { path, input, lastEventId }: Wanted,
    ending: AbortController,
  ): Promise<undefined> {
    const { url, hello, patience, onReached } = this.#options
    const silentMs = patience.pingMs + patience.pongMs
    const giveUp = () => ending.abort()
    let watching = setTimeout(giveUp, silentMs)
    try {
      const query = `input=${encodeURIComponent(JSON.stringify(input))}`
      const after = lastEventId === undefined ? '' : `&lastEventId=${encodeURIComponent(lastEventId)}`
      const headers = { ...headersOf(await hello()), accept: 'text/event-stream' }
      const response = await fetch(`${url}/trpc/${path}?${query}${after}`, { headers, signal: ending.signal })
      onReached(true, undefined)
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
      if (!response.ok || !response.body || !isStream) throw await refusalIn(response)
      subscription.begun()
      const events = eventsOf(response.body, () => {
        clearTimeout(watching)
        watching = setTimeout(giveUp, silentMs)
      })
      for await (const event of events) if (this.#receive(subscription, event)) return undefined
      throw new Error('the stream broke off')
    } finally {
      clearTimeout(watching)
      // Also the one that is left half read.
      ending.abort()
    }
  }

  /** Whether it was the end. */
  #receive(subscription: Subscribed, { event, data, id }: ServerEvent): boolean {
    if (event === 'return') return true
    if (event === 'serialized-error') throw fromWire(JSON.parse(data))
    if (event !== 'message') return false
    this.#failures.delete(subscription)
    const thing: unknown = JSON.parse(data)
    subscription.push(id === undefined || id === '' ? { data: thing } : { id, data: { id, data: thing } })
    return false
  }
}

/** Why a stream was given up: its subscription was closed or paused. */
const unwanted = 'unwanted'
