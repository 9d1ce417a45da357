import { type Call, Caller } from '../api/caller.ts'
import type { CallOptions, Subscription } from '../api/calls.ts'
import type { QueueLimit, TonyError } from '../api/errors.ts'
import type { BreakerOptions } from './breaker.ts'
import type { RepeatBudget } from './budget.ts'
import type { ConnectionState, Hello, Patience, StateChange } from './connection.ts'
import { type HttpOptions, httpLine } from './http-transport.ts'
import { SocketLine } from './socket-transport.ts'
import { SseFeed } from './sse-feed.ts'
import { type Feed, LiveSubscription } from './subscription.ts'
import { Session, type SessionTokens } from './tokens.ts'
import type { Line } from './transport.ts'

export interface TransportOptions {
  /** `http://host:port` */
  readonly url: string
  readonly calls: 'socket' | 'http'
  readonly subscriptions: 'socket' | 'sse'
  readonly token?: string
  readonly session?: SessionTokens
  readonly project?: string
  /** In milliseconds. */
  readonly deadlineMs: number
  readonly patience: Patience
  readonly queue: QueueLimit
  readonly budget: RepeatBudget
  readonly breaker: BreakerOptions
  readonly onState: (change: StateChange) => void
}

/** Every way to the server that one client uses, opened when it is needed. */
export class Transport {
  readonly #options: TransportOptions
  readonly #session: Session | undefined
  readonly #caller: Caller
  readonly #line: Line
  #socket: SocketLine | undefined
  #sse: SseFeed | undefined
  #state: ConnectionState = 'connecting'
  #closed = false

  constructor(options: TransportOptions) {
    const { url, calls, session, deadlineMs, queue, budget, breaker } = options
    this.#options = options
    this.#session = session && new Session(url, session, (renewed) => this.#renew(renewed))
    this.#line = calls === 'socket' ? this.#theSocket() : httpLine(this.#http())
    this.#caller = new Caller({ line: this.#line, deadlineMs, queue, budget, breaker, renews: session !== undefined })
  }

  get state(): ConnectionState {
    return this.#state
  }

  call(call: Call, options: CallOptions): Promise<unknown> {
    return this.#caller.call(call, options)
  }

  subscribe<T>(path: string, input: unknown, signal: AbortSignal | undefined): Subscription<T> {
    const live = new LiveSubscription<T>(path, input, this.#feed())
    live.open()
    if (signal) live.endWith(signal)
    return live
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#session?.close()
    this.#socket?.close()
    this.#sse?.close()
    this.#line.close()
    this.#caller.wake()
    this.#say({ state: 'closed', attempt: 0, retryInMs: 0, reason: 'the client was closed' })
  }

  #say(change: StateChange): void {
    if (this.#state === 'closed') return
    this.#state = change.state
    this.#options.onState(change)
    if (change.state !== 'closed') return
    // Ended by the server for good.
    this.#session?.close()
    this.#caller.wake()
  }

  async #hello(): Promise<Hello> {
    const { token, project } = this.#options
    const shown = this.#session ? await this.#session.current() : token
    return { ...(shown === undefined ? {} : { token: shown }), ...(project === undefined ? {} : { project }) }
  }

  #shared() {
    const session = this.#session
    return {
      url: this.#options.url,
      hello: () => this.#hello(),
      onExpired: session ? () => session.expired() : undefined,
    }
  }

  #http(): HttpOptions {
    return {
      ...this.#shared(),
      patience: this.#options.patience,
      onReached: (reached, reason) => this.#reached(reached, reason),
      onEnded: ({ code }) => this.#say({ state: 'closed', attempt: 0, retryInMs: 0, reason: code }),
    }
  }

  /** Without a socket, whether the server is there is known from the last request. */
  #reached(reached: boolean, reason: string | undefined): void {
    const state = reached ? 'open' : 'connecting'
    if (this.#options.calls === 'socket' || state === this.#state) return
    this.#say({ state, attempt: 0, retryInMs: 0, reason })
  }

  #theSocket(): SocketLine {
    const { calls, patience } = this.#options
    const onState = (change: StateChange) => {
      if (calls === 'socket') this.#say(change)
    }
    this.#socket ??= new SocketLine({ ...this.#shared(), patience, onState })
    return this.#socket
  }

  #feed(): Feed {
    if (this.#options.subscriptions === 'socket') {
      const socket = this.#theSocket()
      if (this.#closed) socket.close()
      return socket
    }
    this.#sse ??= new SseFeed(this.#http())
    if (this.#closed) this.#sse.close()
    return this.#sse
  }

  /** The socket goes on as it is, with the new token. Where it cannot, the server closes it, and the next one shows it. */
  #renew(token: string): void {
    const socket = this.#socket
    if (!socket?.isOpen) return
    const end = performance.now() + renewWithinMs
    const call = { path: 'auth.renew', kind: 'mutation', input: { token } } as const
    const params = JSON.stringify({ path: call.path, input: call.input })
    socket
      .attempt({ ...call, params, end, deadlineMs: renewWithinMs, signal: undefined, once: false })
      .catch((_: TonyError) => undefined)
  }
}

/** How long renewing may take. One that fails is made up for by the next socket. */
const renewWithinMs = 10_000
