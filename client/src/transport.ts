import type { CallOptions, Subscription } from './calls.ts'
import { Connection, type ConnectionState } from './connection.ts'
import { clientClosed, connectionLost, deadlineExceeded, fromWire, TonyError } from './errors.ts'
import { LiveSubscription } from './subscription.ts'

export type Repeat = 'safe' | 'keyed' | 'unsafe'

export interface TransportOptions {
  /** `http://host:port` */
  readonly url: string
  readonly token?: string
  readonly project?: string
  /** In milliseconds. */
  readonly deadlineMs: number
  readonly onState: (state: ConnectionState) => void
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Backoff between repeats of a call the server could not take: full jitter. */
const retry = { initialMs: 50, maximumMs: 2_000 }

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Calls and subscriptions over one connection, whatever becomes of its sockets. */
export class Transport {
  readonly #connection: Connection
  readonly #deadlineMs: number
  readonly #pending = new Map<number, Pending>()
  readonly #subscriptions = new Map<number, LiveSubscription<unknown>>()
  #opened: (() => void)[] = []
  #lastId = 0
  #final: Error | undefined

  constructor({ url, token, project, deadlineMs, onState }: TransportOptions) {
    this.#deadlineMs = deadlineMs
    this.#connection = new Connection({
      url: `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}/ws`,
      hello: () => ({ ...(token === undefined ? {} : { token }), ...(project === undefined ? {} : { project }) }),
      onOpen: () => this.#resume(),
      onMessage: (message) => this.#receive(message),
      onLost: (final) => this.#lost(final),
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
    const params = JSON.stringify({ path, input })
    for (let attempt = 0; ; attempt += 1) {
      if (!(await this.#whenOpen(end))) throw deadlineExceeded(deadlineMs, attempt > 0)
      try {
        return await this.#attempt(kind, params, end, deadlineMs, options.signal)
      } catch (error) {
        if (!(error instanceof TonyError) || !mayRepeat(error, repeat) || options.signal?.aborted) throw error
        const ceiling = Math.min(retry.maximumMs, retry.initialMs * 2 ** attempt)
        const delay = error.retryAfterMs ?? (error.code === 'CONNECTION_LOST' ? 0 : Math.random() * ceiling)
        if (performance.now() + delay >= end) throw error
        await sleep(delay)
      }
    }
  }

  subscribe<T>(path: string, input: unknown, signal: AbortSignal | undefined): Subscription<T> {
    const live = new LiveSubscription<T>(path, input, {
      start: (subscription, message) => {
        this.#lastId += 1
        this.#subscriptions.set(this.#lastId, subscription)
        this.#connection.send(`{"id":${this.#lastId},"method":"subscription","params":${message}}`)
        return this.#lastId
      },
      stop: (id) => {
        if (this.#subscriptions.delete(id)) this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
      },
    })
    if (this.#final) live.fail(this.#final)
    else if (this.#connection.isOpen) live.open()
    else this.#dormant.add(live)
    if (signal?.aborted) live.close()
    else signal?.addEventListener('abort', () => live.close(), { once: true })
    return live
  }

  /** Subscriptions that wait for a socket. */
  readonly #dormant = new Set<LiveSubscription<unknown>>()

  close(): void {
    this.#connection.close()
  }

  /** Whether a socket is open, waiting for one until `end`. Throws when there will be none. */
  async #whenOpen(end: number): Promise<boolean> {
    while (!this.#connection.isOpen) {
      if (this.#final) throw this.#final
      const left = end - performance.now()
      if (left <= 0) return false
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#opened.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    return true
  }

  #attempt(
    kind: string,
    params: string,
    end: number,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(deadlineExceeded(deadlineMs, true))), end - performance.now())
      const stop = () => void this.#connection.send(`{"id":${id},"method":"subscription.stop"}`)
      const settle = (then: () => void) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', stop)
        this.#pending.delete(id)
        then()
      }
      this.#pending.set(id, {
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
      this.#subscriptions.delete(id)
      subscription.failed(fromWire(error))
    } else if (isRecord(result)) {
      if (result['type'] === 'stopped') {
        this.#subscriptions.delete(id)
        subscription.stopped()
      } else if (result['type'] === 'data') subscription.push(result)
    }
  }

  #resume(): void {
    for (const live of [...this.#dormant]) {
      this.#dormant.delete(live)
      live.open()
    }
    for (const resolve of this.#opened.splice(0)) resolve()
  }

  #lost(final: Error | undefined): void {
    this.#final = final
    for (const { reject } of [...this.#pending.values()]) reject(final ? clientClosedOr(final) : connectionLost())
    const live = [...this.#subscriptions.values()]
    this.#subscriptions.clear()
    for (const subscription of live) {
      if (final) subscription.fail(final)
      else this.#dormant.add(subscription)
    }
    if (!final) return
    for (const subscription of this.#dormant) subscription.fail(final)
    this.#dormant.clear()
    for (const resolve of this.#opened.splice(0)) resolve()
  }
}

const clientClosedOr = (final: Error): Error => (final instanceof TonyError ? final : clientClosed())

function mayRepeat(error: TonyError, repeat: Repeat): boolean {
  if (!error.retryable || error.code === 'DEADLINE_EXCEEDED') return false
  return error.applied === 'no' || repeat !== 'unsafe'
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
