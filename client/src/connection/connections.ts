import { type Call, Caller } from '../api/caller.ts'
import type { CallOptions, Subscription } from '../api/calls.ts'
import type { OfflineQueueLimit, TonyError } from '../api/errors.ts'
import type { BreakerOptions } from './breaker.ts'
import type { ConnectionParams, ConnectionState, ConnectionTimeouts, StateChange } from './connection.ts'
import { createHttpTransport, type HttpTransportOptions } from './http-transport.ts'
import type { RetryBudget } from './retry-budget.ts'
import { SocketTransport } from './socket-transport.ts'
import { SseTransport } from './sse-transport.ts'
import { LiveSubscription, type SubscriptionTransport } from './subscription.ts'
import { ClientTokens, type SessionTokens } from './tokens.ts'
import type { Transport } from './transport.ts'

export interface ConnectionsOptions {
  /** `http://host:port` */
  readonly url: string
  readonly calls: 'socket' | 'http'
  readonly subscriptions: 'socket' | 'sse'
  readonly token?: string
  readonly session?: SessionTokens
  readonly project?: string
  /** Default deadline of a call, in milliseconds. */
  readonly deadlineMs: number
  readonly timeouts: ConnectionTimeouts
  readonly waitsForServer: boolean
  readonly queue: OfflineQueueLimit
  readonly budget: RetryBudget
  readonly breaker: BreakerOptions
  readonly onState: (change: StateChange) => void
}

/** The connections of one client, each opened on first use. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #tokens: ClientTokens | undefined
  readonly #caller: Caller
  readonly #transport: Transport
  #socketTransport: SocketTransport | undefined
  #sseTransport: SseTransport | undefined
  #state: ConnectionState = 'connecting'
  #closed = false

  constructor(options: ConnectionsOptions) {
    const { url, calls, session, deadlineMs, queue, budget, breaker } = options
    this.#options = options
    this.#tokens = session && new ClientTokens(url, session, (renewed) => this.#renewToken(renewed))
    this.#transport = calls === 'socket' ? this.#getSocketTransport() : createHttpTransport(this.#httpOptions())
    this.#caller = new Caller({
      transport: this.#transport,
      deadlineMs,
      queue,
      budget,
      breaker,
      refreshesToken: session !== undefined,
    })
  }

  get state(): ConnectionState {
    return this.#state
  }

  call(call: Call, options: CallOptions): Promise<unknown> {
    return this.#caller.call(call, options)
  }

  subscribe<T>(path: string, input: unknown, signal: AbortSignal | undefined): Subscription<T> {
    const live = new LiveSubscription<T>(path, input, this.#getSubscriptionTransport())
    live.open()
    if (signal) live.closeOnAbort(signal)
    return live
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#tokens?.close()
    this.#socketTransport?.close()
    this.#sseTransport?.close()
    this.#transport.close()
    this.#caller.notifyWaiters()
    this.#emitState({ state: 'closed', attempt: 0, retryInMs: 0, reason: 'the client was closed' })
  }

  #emitState(change: StateChange): void {
    if (this.#state === 'closed') return
    this.#state = change.state
    this.#options.onState(change)
    if (change.state !== 'closed') return
    // The server has ended the connection for good.
    this.#tokens?.close()
    this.#caller.notifyWaiters()
  }

  async #getConnectionParams(): Promise<ConnectionParams> {
    const { token, project } = this.#options
    const shown = this.#tokens ? await this.#tokens.getAccessToken() : token
    return { ...(shown === undefined ? {} : { token: shown }), ...(project === undefined ? {} : { project }) }
  }

  #sharedOptions() {
    const session = this.#tokens
    return {
      url: this.#options.url,
      waitsForServer: this.#options.waitsForServer,
      getConnectionParams: () => this.#getConnectionParams(),
      onExpired: session ? () => session.markExpired() : undefined,
    }
  }

  #httpOptions(): HttpTransportOptions {
    return {
      ...this.#sharedOptions(),
      timeouts: this.#options.timeouts,
      onReachable: (reached, reason) => this.#setReachable(reached, reason),
      onEnded: ({ code }) => this.#emitState({ state: 'closed', attempt: 0, retryInMs: 0, reason: code }),
    }
  }

  /** Without a socket, the last HTTP request decides whether the server counts as reachable. */
  #setReachable(reached: boolean, reason: string | undefined): void {
    const state = reached ? 'open' : 'connecting'
    if (this.#options.calls === 'socket' || state === this.#state) return
    this.#emitState({ state, attempt: 0, retryInMs: 0, reason })
  }

  #getSocketTransport(): SocketTransport {
    const { calls, timeouts } = this.#options
    const onState = (change: StateChange) => {
      if (calls === 'socket') this.#emitState(change)
    }
    this.#socketTransport ??= new SocketTransport({ ...this.#sharedOptions(), timeouts, onState })
    return this.#socketTransport
  }

  #getSubscriptionTransport(): SubscriptionTransport {
    if (this.#options.subscriptions === 'socket') {
      const socket = this.#getSocketTransport()
      if (this.#closed) socket.close()
      return socket
    }
    this.#sseTransport ??= new SseTransport(this.#httpOptions())
    if (this.#closed) this.#sseTransport.close()
    return this.#sseTransport
  }

  /**
   * Sends the refreshed token on the open socket. If that fails, the server closes the socket, and
   * the next one sends the token.
   */
  #renewToken(token: string): void {
    const socket = this.#socketTransport
    if (!socket?.isOpen) return
    const end = performance.now() + renewTimeoutMs
    const call = { path: 'auth.renew', kind: 'mutation', input: { token } } as const
    const params = JSON.stringify({ path: call.path, input: call.input })
    socket
      .attempt({ ...call, params, end, deadlineMs: renewTimeoutMs, signal: undefined, once: false })
      .catch((_: TonyError) => undefined)
  }
}

/**
 * Deadline for the re-authentication, in milliseconds. After a failure the next socket sends the
 * token.
 */
const renewTimeoutMs = 10_000
