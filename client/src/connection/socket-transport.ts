import { connectionLost, deadlineExceeded, fromWire, neverSent, type TonyError, unsure } from '../api/errors.ts'
import { Connection, type Hello, type Patience, type StateChange } from './connection.ts'
import type { Feed, LiveSubscription, Wanted } from './subscription.ts'
import { jitter, longestMs, rest } from './timers.ts'
import type { Attempt, Line } from './transport.ts'

export interface SocketLineOptions {
  /** `http://host:port` */
  readonly url: string
  readonly patience: Patience
  readonly hello: () => Promise<Hello>
  /** The token has ended, and there will be another. */
  readonly onExpired: (() => void) | undefined
  readonly onState: (change: StateChange) => void
}

/** How long a subscription waits that the server could not go on with. It may fail as often as it likes: it waits as long each time. */
const resumption = { initialMs: 800, maximumMs: 800 }

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** It is waited for on the socket it was sent on, as long as that lives. */
  readonly once: boolean
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Calls and subscriptions over one connection, whatever becomes of its sockets. */
export class SocketLine implements Line, Feed {
  readonly losesCalls = false
  /** What the server takes in one frame, less the envelope around the input. A larger one would cost everyone on the socket. */
  readonly maxBytes = 1_048_576 - 128
  readonly #connection: Connection
  readonly #renews: boolean
  readonly #pending = new Map<number, Pending>()
  readonly #subscriptions = new Map<number, LiveSubscription<unknown>>()
  /** Subscriptions that wait for a socket. */
  readonly #dormant = new Set<LiveSubscription<unknown>>()
  /** Calls that wait for a socket. */
  readonly #waiting = new Set<() => void>()
  /** Subscriptions that wait before they are asked for again. */
  readonly #resting = new Set<() => void>()
  /** Calls that are owed an answer on the socket before this one. */
  #moved = new Set<number>()
  #lastId = 0
  #final: TonyError | undefined

  constructor({ url, patience, hello, onExpired, onState }: SocketLineOptions) {
    this.#renews = onExpired !== undefined
    this.#connection = new Connection({
      url: `${url.replace(/^http/, 'ws')}/ws`,
      patience,
      hello,
      ...(onExpired ? { onExpired } : {}),
      onOpen: () => this.#resume(),
      onMessage: (message) => this.#receive(message),
      onMove: () => this.#move(),
      onMoved: () => this.#giveUpMoved(),
      onLost: (final, untouched) => this.#lost(final, untouched),
      onState,
    })
  }

  get isOpen(): boolean {
    return this.#connection.isOpen
  }

  async whenOpen(end: number, signal: AbortSignal | undefined): Promise<boolean> {
    while (!this.#connection.isOpen) {
      if (this.#final) throw this.#final
      if (signal?.aborted) throw neverSent()
      const left = end - performance.now()
      if (left <= 0) return false
      await rest(left, this.#waiting, signal)
    }
    return true
  }

  attempt({ kind, params, end, deadlineMs, signal, once }: Attempt): Promise<unknown> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise<unknown>((resolve, reject) => {
      const leftMs = Math.min(end - performance.now(), longestMs)
      const timer = setTimeout(() => settle(() => reject(deadlineExceeded(deadlineMs, true))), leftMs)
      const stop = () => void this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
      const settle = (then: () => void) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', stop)
        this.#pending.delete(id)
        if (this.#moved.delete(id) && this.#moved.size === 0) this.#connection.settled()
        then()
      }
      this.#pending.set(id, {
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
        once,
      })
      if (!this.#connection.send(`{"id":${id},"method":"${kind}","params":${params}}`))
        settle(() => reject(connectionLost()))
      if (signal?.aborted) stop()
      else signal?.addEventListener('abort', stop, { once: true })
    })
  }

  start(subscription: LiveSubscription<unknown>, wanted: Wanted): number | undefined {
    if (this.#final) subscription.fail(this.#final)
    else if (!this.#connection.isOpen) this.#dormant.add(subscription)
    if (!this.#connection.isOpen) return undefined
    this.#lastId += 1
    this.#subscriptions.set(this.#lastId, subscription)
    this.#connection.send(`{"id":${this.#lastId},"method":"subscription","params":${JSON.stringify(wanted)}}`)
    return this.#lastId
  }

  stop(subscription: LiveSubscription<unknown>, id: number | undefined): void {
    this.#dormant.delete(subscription)
    if (id !== undefined && this.#subscriptions.delete(id))
      this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
  }

  close(): void {
    this.#connection.close()
  }

  #receive(message: unknown): void {
    if (!isRecord(message) || typeof message['id'] !== 'number') return
    const { id, result, error } = message
    const pending = this.#pending.get(id)
    if (pending) {
      if (error !== undefined) pending.reject(fromWire(error))
      else pending.resolve(isRecord(result) ? result['data'] : undefined)
      return
    }
    const subscription = this.#subscriptions.get(id)
    if (!subscription) return
    if (error !== undefined) this.#failed(id, subscription, fromWire(error))
    else if (isRecord(result) && result['type'] === 'started') subscription.begun()
    else if (isRecord(result) && result['type'] === 'data') subscription.push(result)
    else if (isRecord(result) && result['type'] === 'stopped') {
      this.#subscriptions.delete(id)
      subscription.stopped()
    }
  }

  #failed(id: number, subscription: LiveSubscription<unknown>, told: TonyError): void {
    // The whole socket is about to be closed: the subscription is taken up again on the next one.
    if (told.code === 'CONSUMER_TOO_SLOW' || told.code === 'SHUTTING_DOWN') return
    if (told.code === 'TOKEN_EXPIRED' && this.#renews) return
    this.#subscriptions.delete(id)
    if (!subscription.resumesAfter(told)) return subscription.fail(told)
    // The server could not go on with it now, its database being away for instance: asked for again after a while.
    this.#dormant.add(subscription)
    void rest(told.retryAfterMs ?? jitter(resumption, 0), this.#resting).then(() => {
      if (this.#connection.isOpen && this.#dormant.delete(subscription)) subscription.open()
    })
  }

  #resume(): void {
    for (const live of [...this.#dormant]) {
      this.#dormant.delete(live)
      live.open()
    }
    for (const wake of [...this.#waiting]) wake()
  }

  /** What can be said again is said again on the next socket; the rest is waited for on this one. */
  #move(): boolean {
    this.#giveUpMoved()
    // Nothing more is to be handed out where nobody takes it.
    for (const id of this.#subscriptions.keys()) this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
    this.#moved = new Set([...this.#pending].flatMap(([id, { once }]) => (once ? [id] : [])))
    return this.#moved.size > 0
  }

  #giveUpMoved(): void {
    for (const id of [...this.#moved]) this.#pending.get(id)?.reject(connectionLost())
  }

  #lost(final: TonyError | undefined, untouched: boolean): void {
    this.#final = final
    for (const [id, { reject }] of [...this.#pending]) {
      if (final) reject(untouched ? final : unsure(final))
      else if (!this.#moved.has(id)) reject(connectionLost())
    }
    const live = [...this.#subscriptions.values()]
    this.#subscriptions.clear()
    for (const subscription of live) {
      if (final) subscription.fail(final)
      else this.#dormant.add(subscription)
    }
    if (!final) return
    for (const subscription of this.#dormant) subscription.fail(final)
    this.#dormant.clear()
    for (const wake of [...this.#waiting, ...this.#resting]) wake()
  }
}
