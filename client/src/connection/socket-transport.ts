import {
  callNotSentError,
  connectionLostError,
  deadlineExceededError,
  type TonyError,
  toMaybeAppliedError,
  toTonyError,
} from '../api/errors.ts'
import { isRecord } from '../api/is-record.ts'
import { Connection, type ConnectionParams, type ConnectionTimeouts, type StateChange } from './connection.ts'
import type { LiveSubscription, SubscriptionRequest, SubscriptionTransport } from './subscription.ts'
import { jitteredDelayMsOf, maxTimerMs, sleep } from './timers.ts'
import type { CallAttempt, Transport } from './transport.ts'

export interface SocketTransportOptions {
  /** `http://host:port` */
  readonly url: string
  readonly timeouts: ConnectionTimeouts
  readonly waitsForServer: boolean
  readonly getConnectionParams: () => Promise<ConnectionParams>
  /** Called when the token has expired and will be refreshed. */
  readonly onExpired: (() => void) | undefined
  readonly onState: (change: StateChange) => void
}

/**
 * Delay before a subscription is requested again after an error of the server, in milliseconds. It
 * does not grow with the number of errors.
 */
const resumeBackoff = { initialMs: 800, maximumMs: 800 }

interface PendingCall {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** True if the call cannot be repeated and therefore waits on the socket it was sent on. */
  readonly once: boolean
}

/** Carries calls and subscriptions over one connection and all its sockets. */
export class SocketTransport implements Transport, SubscriptionTransport {
  readonly reportsLossPerCall = false
  /**
   * Largest input, in bytes: the server's limit for a frame, less the envelope. A larger frame
   * would close the socket with all calls on it.
   */
  readonly maxBytes = 1_048_576 - 128
  readonly #connection: Connection
  readonly #refreshesToken: boolean
  readonly #pending = new Map<number, PendingCall>()
  readonly #subscriptions = new Map<number, LiveSubscription<unknown>>()
  /** Subscriptions that wait for a socket. */
  readonly #waitingSubscriptions = new Set<LiveSubscription<unknown>>()
  /** Wakes the calls that wait for a socket. */
  readonly #openWaiters = new Set<() => void>()
  /** Wakes the subscriptions that wait before their next attempt. */
  readonly #retryWaiters = new Set<() => void>()
  /** Calls that wait for a reply on the previous socket. */
  #oldSocketCalls = new Set<number>()
  #lastId = 0
  #finalError: TonyError | undefined

  constructor({ url, timeouts, waitsForServer, getConnectionParams, onExpired, onState }: SocketTransportOptions) {
    this.#refreshesToken = onExpired !== undefined
    this.#connection = new Connection({
      url: `${url.replace(/^http/, 'ws')}/ws`,
      timeouts,
      waitsForServer,
      getConnectionParams,
      ...(onExpired ? { onExpired } : {}),
      onOpen: () => this.#resume(),
      onMessage: (message) => this.#receive(message),
      onReconnectRequested: () => this.#moveToNextSocket(),
      onOldSocketClosed: () => this.#rejectOldSocketCalls(),
      onLost: (final, untouched) => this.#handleLoss(final, untouched),
      onState,
    })
  }

  get isOpen(): boolean {
    return this.#connection.isOpen
  }

  get lossReason(): string | undefined {
    return this.#connection.lossReason
  }

  async whenOpen(end: number, signal: AbortSignal | undefined): Promise<boolean> {
    while (!this.#connection.isOpen) {
      if (this.#finalError) throw this.#finalError
      if (signal?.aborted) throw callNotSentError()
      const left = end - performance.now()
      if (left <= 0) return false
      await sleep(left, this.#openWaiters, signal)
    }
    return true
  }

  attempt({ path, kind, params, end, deadlineMs, signal, once }: CallAttempt): Promise<unknown> {
    const sentAt = performance.now()
    this.#lastId += 1
    const id = this.#lastId
    return new Promise<unknown>((resolve, reject) => {
      const leftMs = Math.min(end - performance.now(), maxTimerMs)
      const timer = setTimeout(() => {
        settle(() => reject(deadlineExceededError(deadlineMs, true)))
        // The process of the server may be suspended. The leases would expire before the ping
        // timeouts close the socket. The next socket may reach another server.
        if (path === 'agents.heartbeat') this.#connection.replaceIfSilentSince(sentAt)
      }, leftMs)
      const stop = () => void this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
      const settle = (then: () => void) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', stop)
        this.#pending.delete(id)
        if (this.#oldSocketCalls.delete(id) && this.#oldSocketCalls.size === 0) this.#connection.closeOldSocket()
        then()
      }
      this.#pending.set(id, {
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
        once,
      })
      if (!this.#connection.send(`{"id":${id},"method":"${kind}","params":${params}}`))
        settle(() => reject(connectionLostError()))
      if (signal?.aborted) stop()
      else signal?.addEventListener('abort', stop, { once: true })
    })
  }

  startSubscription(subscription: LiveSubscription<unknown>, request: SubscriptionRequest): number | undefined {
    if (this.#finalError) subscription.finish(this.#finalError)
    else if (!this.#connection.isOpen) this.#waitingSubscriptions.add(subscription)
    if (!this.#connection.isOpen) return undefined
    this.#lastId += 1
    this.#subscriptions.set(this.#lastId, subscription)
    this.#connection.send(`{"id":${this.#lastId},"method":"subscription","params":${JSON.stringify(request)}}`)
    return this.#lastId
  }

  stopSubscription(subscription: LiveSubscription<unknown>, id: number | undefined): void {
    this.#waitingSubscriptions.delete(subscription)
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
      if (error !== undefined) pending.reject(toTonyError(error))
      else pending.resolve(isRecord(result) ? result['data'] : undefined)
      return
    }
    const subscription = this.#subscriptions.get(id)
    if (!subscription) return
    if (error !== undefined) this.#handleSubscriptionError(id, subscription, toTonyError(error))
    else if (isRecord(result) && result['type'] === 'started') subscription.markStarted()
    else if (isRecord(result) && result['type'] === 'data') subscription.push(result)
    else if (isRecord(result) && result['type'] === 'stopped') {
      this.#subscriptions.delete(id)
      subscription.handleStop()
    }
  }

  #handleSubscriptionError(id: number, subscription: LiveSubscription<unknown>, error: TonyError): void {
    // The server is about to close the whole socket. The subscription resumes on the next one.
    if (error.code === 'CONSUMER_TOO_SLOW' || error.code === 'SHUTTING_DOWN') return
    if (error.code === 'TOKEN_EXPIRED' && this.#refreshesToken) return
    this.#subscriptions.delete(id)
    if (!subscription.canResumeAfter(error)) return subscription.finish(error)
    // The server could not continue the subscription now, for example without its database. The
    // client requests it again later.
    this.#waitingSubscriptions.add(subscription)
    void sleep(error.retryAfterMs ?? jitteredDelayMsOf(resumeBackoff, 0), this.#retryWaiters).then(() => {
      if (this.#connection.isOpen && this.#waitingSubscriptions.delete(subscription)) subscription.open()
    })
  }

  #resume(): void {
    for (const live of [...this.#waitingSubscriptions]) {
      this.#waitingSubscriptions.delete(live)
      live.open()
    }
    for (const wake of [...this.#openWaiters]) wake()
  }

  /**
   * Prepares the move to the next socket. Repeatable calls are sent again there; the others keep
   * waiting on this one. Returns true if there are such calls.
   */
  #moveToNextSocket(): boolean {
    this.#rejectOldSocketCalls()
    // The server must deliver nothing more on this socket, because no reader takes it.
    for (const id of this.#subscriptions.keys()) this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
    this.#oldSocketCalls = new Set([...this.#pending].flatMap(([id, { once }]) => (once ? [id] : [])))
    return this.#oldSocketCalls.size > 0
  }

  #rejectOldSocketCalls(): void {
    for (const id of [...this.#oldSocketCalls]) this.#pending.get(id)?.reject(connectionLostError())
  }

  #handleLoss(final: TonyError | undefined, untouched: boolean): void {
    this.#finalError = final
    for (const [id, { reject }] of [...this.#pending]) {
      if (final) reject(untouched ? final : toMaybeAppliedError(final))
      else if (!this.#oldSocketCalls.has(id)) reject(connectionLostError())
    }
    const live = [...this.#subscriptions.values()]
    this.#subscriptions.clear()
    for (const subscription of live) {
      if (final) subscription.finish(final)
      else this.#waitingSubscriptions.add(subscription)
    }
    if (!final) return
    for (const subscription of this.#waitingSubscriptions) subscription.finish(final)
    this.#waitingSubscriptions.clear()
    for (const wake of [...this.#openWaiters, ...this.#retryWaiters]) wake()
  }
}
