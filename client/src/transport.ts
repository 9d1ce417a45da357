import type { CallOptions, Subscription } from './calls.ts'
import { Connection, type ConnectionState } from './connection.ts'
import { connectionLost, deadlineExceeded, fromWire, neverSent, TonyError, tooLarge, unsure } from './errors.ts'
import { delayAfter, rest } from './patience.ts'
import { Session, type SessionTokens } from './session.ts'
import { LiveSubscription } from './subscription.ts'

export type Repeat = 'safe' | 'keyed' | 'unsafe'

export interface TransportOptions {
  /** `http://host:port` */
  readonly url: string
  readonly token?: string
  readonly session?: SessionTokens
  readonly project?: string
  /** In milliseconds. */
  readonly deadlineMs: number
  readonly onState: (state: ConnectionState) => void
}

interface Pending {
  /** Whether a second try would do more than the first: then its answer is waited for where it was sent. */
  readonly once: boolean
  readonly settled: Promise<void>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

interface Attempt {
  readonly kind: 'query' | 'mutation'
  readonly params: string
  readonly repeat: Repeat
  readonly end: number
  /** In milliseconds. */
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

/** What the server takes in one frame, less the envelope around the input. A larger one would cost everyone on the socket. */
const maxCallBytes = 1_048_576 - 128

/** As often a subscription has failed when it waits before it is asked for again. */
const subscriptionAttempt = 4

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Calls and subscriptions over one connection, whatever becomes of its sockets. */
export class Transport {
  readonly #connection: Connection
  readonly #deadlineMs: number
  readonly #session: Session | undefined
  readonly #pending = new Map<number, Pending>()
  readonly #subscriptions = new Map<number, LiveSubscription<unknown>>()
  /** Calls that are answered on a socket that was left. */
  readonly #staying = new Set<Pending>()
  /** Subscriptions that wait for a socket. */
  readonly #dormant = new Set<LiveSubscription<unknown>>()
  /** Calls that wait for a socket, and calls that wait before they try again. */
  readonly #waiting = new Set<() => void>()
  readonly #resting = new Set<() => void>()
  #lastId = 0
  #final: TonyError | undefined

  constructor({ url, token, session: tokens, project, deadlineMs, onState }: TransportOptions) {
    this.#deadlineMs = deadlineMs
    const session = tokens && new Session(url, tokens, (renewed) => this.#renew(renewed))
    this.#session = session
    this.#connection = new Connection({
      url: `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}/ws`,
      hello: async () => {
        const shown = session ? await session.current() : token
        return { ...(shown === undefined ? {} : { token: shown }), ...(project === undefined ? {} : { project }) }
      },
      ...(session ? { onExpired: () => session.expired() } : {}),
      onOpen: () => this.#resume(),
      onMessage: (message) => this.#receive(message),
      onLost: (final, untouched) => this.#lost(final, untouched),
      onMoved: (gone) => this.#moved(gone),
      onState,
    })
  }

  /** One call, repeated while that is safe and there is time. Rejects with TonyError. */
  async call(
    path: string,
    kind: 'query' | 'mutation',
    input: unknown,
    repeat: Repeat,
    options: CallOptions,
  ): Promise<unknown> {
    const waitMs = isRecord(input) && typeof input['waitMs'] === 'number' ? input['waitMs'] : 0
    const deadlineMs = options.deadlineMs ?? this.#deadlineMs + waitMs
    const end = performance.now() + deadlineMs
    const params = paramsOf(path, input)
    let mayHaveApplied = false
    for (let attempt = 0; ; attempt += 1) {
      try {
        if (!(await this.#whenOpen(end, options.signal))) throw deadlineExceeded(deadlineMs, false)
        return await this.#attempt({ kind, params, repeat, end, deadlineMs, signal: options.signal })
      } catch (error) {
        if (!(error instanceof TonyError)) throw error
        const delay = delayAfter(error, attempt)
        const over = performance.now() + delay >= end || options.signal?.aborted
        // A refusal of the last attempt says nothing of one before it whose answer was lost.
        if (over || !this.#mayTryAgain(error, path, repeat)) throw mayHaveApplied ? unsure(error) : error
        mayHaveApplied ||= error.applied === 'unknown'
        await rest(delay, this.#resting, options.signal)
      }
    }
  }

  subscribe<T>(path: string, input: unknown, signal: AbortSignal | undefined): Subscription<T> {
    const live = new LiveSubscription<T>(path, input, {
      start: (subscription, message) => {
        if (this.#final) subscription.fail(this.#final)
        else if (!this.#connection.isOpen) this.#dormant.add(subscription)
        if (!this.#connection.isOpen) return undefined
        this.#lastId += 1
        this.#subscriptions.set(this.#lastId, subscription)
        this.#connection.send(`{"id":${this.#lastId},"method":"subscription","params":${message}}`)
        return this.#lastId
      },
      stop: (id) => {
        if (this.#subscriptions.delete(id)) this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
      },
    })
    live.open()
    if (signal?.aborted) live.close()
    else signal?.addEventListener('abort', () => live.close(), { once: true })
    return live
  }

  close(): void {
    this.#session?.close()
    this.#connection.close()
  }

  #mayTryAgain(error: TonyError, path: string, repeat: Repeat): boolean {
    // The socket's token has ended: the server closes it, and the next one shows the next token.
    const isPassing = error.code === 'TOKEN_EXPIRED' && this.#session !== undefined && path !== 'auth.renew'
    return isPassing || mayRepeat(error, repeat)
  }

  /** The socket goes on as it is, with the new token. Where it cannot, the server closes it, and the next one shows it. */
  #renew(token: string): void {
    if (!this.#connection.isOpen) return
    this.call('auth.renew', 'mutation', { token }, 'safe', { deadlineMs: 10_000 }).catch(() => undefined)
  }

  /** Whether a socket is open, waiting for one until `end`. Throws when there will be none, or nobody waits any more. */
  async #whenOpen(end: number, signal: AbortSignal | undefined): Promise<boolean> {
    while (!this.#connection.isOpen) {
      if (this.#final) throw this.#final
      if (signal?.aborted) throw neverSent()
      const left = end - performance.now()
      if (left <= 0) return false
      await rest(left, this.#waiting, signal)
    }
    return true
  }

  #attempt({ kind, params, repeat, end, deadlineMs, signal }: Attempt): Promise<unknown> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(deadlineExceeded(deadlineMs, true))), end - performance.now())
      const stop = () => void this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
      let tell: () => void = () => undefined
      const settled = new Promise<void>((done) => {
        tell = done
      })
      const settle = (then: () => void) => {
        tell()
        clearTimeout(timer)
        signal?.removeEventListener('abort', stop)
        this.#pending.delete(id)
        then()
      }
      this.#pending.set(id, {
        once: kind === 'mutation' && repeat !== 'keyed',
        settled,
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      })
      if (!this.#connection.send(`{"id":${id},"method":"${kind}","params":${params}}`))
        settle(() => reject(connectionLost()))
      if (signal?.aborted) stop()
      else signal?.addEventListener('abort', stop, { once: true })
    })
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
    if (error !== undefined) {
      this.#ended(id, subscription, fromWire(error))
    } else if (isRecord(result)) {
      if (result['type'] === 'stopped') {
        this.#subscriptions.delete(id)
        subscription.stopped()
      } else if (result['type'] === 'data') subscription.push(result)
    }
  }

  #ended(id: number, subscription: LiveSubscription<unknown>, why: TonyError): void {
    // The whole socket is about to be closed: the subscription is taken up again on the next one.
    if (why.code === 'CONSUMER_TOO_SLOW' || why.code === 'SHUTTING_DOWN') return
    this.#subscriptions.delete(id)
    if (!why.retryable) return subscription.fail(why)
    // The server could not go on with it now, its database being away for instance: asked for again after a while.
    this.#dormant.add(subscription)
    const again = () => {
      if (this.#connection.isOpen && this.#dormant.delete(subscription)) subscription.open()
    }
    void rest(delayAfter(why, subscriptionAttempt), this.#resting, undefined).then(again)
  }

  #resume(): void {
    for (const live of [...this.#dormant]) {
      this.#dormant.delete(live)
      live.open()
    }
    for (const wake of [...this.#waiting]) wake()
  }

  /** What may be done twice is, on the next socket, and subscriptions go on there; the rest is answered on the old one. */
  async #moved(gone: Promise<void>): Promise<void> {
    const staying = [...this.#pending.values()].filter(({ once }) => once)
    for (const pending of staying) this.#staying.add(pending)
    for (const { once, reject } of [...this.#pending.values()]) if (!once) reject(connectionLost())
    for (const [id, subscription] of this.#subscriptions) {
      // Nothing more is to be handed out where nobody takes it.
      this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
      this.#dormant.add(subscription)
    }
    this.#subscriptions.clear()
    const answered = Promise.all(staying.map(({ settled }) => settled))
    await Promise.race([answered, gone])
    for (const pending of staying) {
      this.#staying.delete(pending)
      pending.reject(connectionLost())
    }
  }

  #lost(final: TonyError | undefined, untouched: boolean): void {
    this.#final = final
    for (const pending of [...this.#pending.values()]) {
      if (final) pending.reject(untouched ? final : unsure(final))
      else if (!this.#staying.has(pending)) pending.reject(connectionLost())
    }
    const live = [...this.#subscriptions.values()]
    this.#subscriptions.clear()
    for (const subscription of live) {
      if (final) subscription.fail(final)
      else this.#dormant.add(subscription)
    }
    if (!final) return
    this.#session?.close()
    for (const subscription of this.#dormant) subscription.fail(final)
    this.#dormant.clear()
    for (const wake of [...this.#waiting, ...this.#resting]) wake()
  }
}

/** What is for the caller to try again: the time it gave is over, or it has to wait for what other agents do. */
const callersChoice: ReadonlySet<TonyError['code']> = new Set([
  'DEADLINE_EXCEEDED',
  'NO_AGENTS_AVAILABLE',
  'LOCK_CONFLICT',
])

function mayRepeat(error: TonyError, repeat: Repeat): boolean {
  if (!error.retryable || callersChoice.has(error.code)) return false
  return error.applied === 'no' || repeat !== 'unsafe'
}

function paramsOf(path: string, input: unknown): string {
  const params = JSON.stringify({ path, input })
  const bytes = Buffer.byteLength(params)
  if (bytes > maxCallBytes) throw tooLarge(bytes, maxCallBytes)
  return params
}
