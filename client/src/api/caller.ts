import { type Breaker, type BreakerOptions, createBreaker } from '../connection/breaker.ts'
import { createRetryBudget, type RetryBudget } from '../connection/retry-budget.ts'
import { jitteredDelayMs, sleep } from '../connection/timers.ts'
import { type Attempt, type Transport, waitOf } from '../connection/transport.ts'
import type { CallOptions } from './calls.ts'
import {
  deadlineExceeded,
  offlineQueueFull,
  payloadTooLarge,
  type QueueLimit,
  TonyError,
  toMaybeApplied,
} from './errors.ts'

export type RetrySafety = 'safe' | 'keyed' | 'unsafe'

/** `never` is the caller's choice for one call: not even after a refusal that changed nothing. */
type RetryMode = RetrySafety | 'never'

export interface CallerOptions {
  readonly transport: Transport
  /** In milliseconds. */
  readonly deadlineMs: number
  readonly queue: QueueLimit
  readonly budget: RetryBudget
  readonly breaker: BreakerOptions
  /** Whether a token that has ended is followed by another. */
  readonly refreshesToken: boolean
}

export interface Call {
  readonly path: string
  readonly kind: 'query' | 'mutation'
  readonly input: unknown
  readonly repeat: RetrySafety
}

/** Backoff between repeats of a call the server could not take. */
const backoff = { initialMs: 50, maximumMs: 2_000 }

const encoder = new TextEncoder()

/** Makes calls over a line, each until it is answered or its time is over. */
export class Caller {
  readonly #options: CallerOptions
  readonly #transport: Transport
  readonly #breaker: Breaker
  readonly #takeRetryDelayMs: () => number
  /** Calls that wait before they try again. */
  readonly #backoffWakers = new Set<() => void>()
  /** Calls that were made while there was no connection and have not been sent. */
  readonly #unsent = { calls: 0, bytes: 0 }

  constructor(options: CallerOptions) {
    this.#options = options
    this.#transport = options.transport
    this.#breaker = createBreaker(options.breaker, options.transport.reportsLossPerCall)
    this.#takeRetryDelayMs = createRetryBudget(options.budget)
  }

  /** One call, repeated while that is safe and there is time. Rejects with TonyError. */
  async call({ path, kind, input, ...made }: Call, { deadlineMs: given, signal, once }: CallOptions): Promise<unknown> {
    const repeat = once ? 'never' : made.repeat
    const deadlineMs = given ?? this.#options.deadlineMs + waitOf({ path, input })
    const end = performance.now() + deadlineMs
    const params = this.#paramsOf(path, input)
    const call = { path, kind, input, params, end, deadlineMs, signal, once: repeat === 'unsafe' || repeat === 'never' }
    const markSent = this.#transport.isOpen && !this.#breaker.isOpen ? () => undefined : this.#enqueue(params.length)
    try {
      return await this.#callWithRetries(call, repeat, markSent)
    } finally {
      markSent()
    }
  }

  async #callWithRetries(call: Attempt, repeat: RetryMode, markSent: () => void): Promise<unknown> {
    const { path, end, signal } = call
    let mayHaveApplied = false
    let previousError: TonyError | undefined
    for (let attempts = 0; ; attempts += 1) {
      try {
        return await this.#attempt(call, markSent)
      } catch (error) {
        if (!(error instanceof TonyError)) throw error
        const mayTryAgain = this.#shouldRetry(error, path, repeat)
        const delay = mayTryAgain ? this.#delayAfter(error, attempts) : 0
        const over = performance.now() + delay >= end || signal?.aborted
        // A refusal of the last attempt says nothing of one before it whose answer was lost.
        if (over || !mayTryAgain) throw toFinalError(error, previousError, mayHaveApplied)
        mayHaveApplied ||= error.applied === 'unknown'
        previousError = error
        await sleep(delay, this.#backoffWakers, signal)
      }
    }
  }

  async #attempt(call: Attempt, markSent: () => void): Promise<unknown> {
    const { end, deadlineMs, signal } = call
    if (!(await this.#transport.whenOpen(end, signal))) throw deadlineExceeded(deadlineMs, false)
    // One that may wait for long is not what a server is tried with.
    if (this.#breaker.isOpen && waitOf(call) > 0) await this.#probe(end)
    return this.#breaker.run(() => {
      markSent()
      return this.#transport.attempt(call)
    })
  }

  /** No call goes on: those that rest find that out at once. */
  wakeWaiting(): void {
    for (const wake of [...this.#backoffWakers]) wake()
  }

  /** Whether the server works again. */
  #probe(end: number): Promise<unknown> {
    const probe = { path: 'system.info', kind: 'query', input: {} } as const
    const settings = { end, deadlineMs: this.#options.deadlineMs, signal: undefined, once: false }
    return this.#breaker.run(() =>
      this.#transport.attempt({ ...probe, ...settings, params: this.#paramsOf(probe.path, probe.input) }),
    )
  }

  /** Takes a place among the calls that wait to be sent; the returned function gives it back. */
  #enqueue(bytes: number): () => void {
    const { queue } = this.#options
    const unsent = this.#unsent
    if (unsent.calls >= queue.calls || unsent.bytes + bytes > queue.bytes) throw offlineQueueFull(queue)
    unsent.calls += 1
    unsent.bytes += bytes
    let left = false
    return () => {
      if (left) return
      left = true
      unsent.calls -= 1
      unsent.bytes -= bytes
    }
  }

  #shouldRetry(error: TonyError, path: string, repeat: RetryMode): boolean {
    // The server has let go of this caller, or is about to: the next attempt shows the next token.
    const isPassing = error.code === 'TOKEN_EXPIRED' && this.#options.refreshesToken && path !== 'auth.renew'
    return isPassing || mayRetry(error, repeat)
  }

  #delayAfter({ retryAfterMs = 0, code }: TonyError, attempts: number): number {
    // The next socket is the pause.
    if (code === 'CONNECTION_LOST' && !this.#transport.reportsLossPerCall) return 0
    const delay = retryAfterMs + jitteredDelayMs(backoff, attempts)
    return code === 'CIRCUIT_OPEN' ? delay : Math.max(delay, this.#takeRetryDelayMs())
  }

  #paramsOf(path: string, input: unknown): string {
    const params = JSON.stringify({ path, input })
    const { maxBytes } = this.#transport
    // A character of UTF-16 has at most three bytes in UTF-8.
    const bytes = params.length * 3 <= maxBytes ? 0 : encoder.encode(params).length
    if (bytes > maxBytes) throw payloadTooLarge(bytes, maxBytes)
    return params
  }
}

/** What is for the caller to try again: the time it gave is over, or it has to wait for what other agents do. */
const callerRetriedCodes: ReadonlySet<TonyError['code']> = new Set([
  'DEADLINE_EXCEEDED',
  'NO_AGENTS_AVAILABLE',
  'LOCK_CONFLICT',
])

function mayRetry(error: TonyError, repeat: RetryMode): boolean {
  if (repeat === 'never' || !error.retryable || callerRetriedCodes.has(error.code)) return false
  return error.applied === 'no' || repeat !== 'unsafe'
}

/** The error of a call for all its attempts: the last one's alone would not say why the time ran out. */
function toFinalError(error: TonyError, previousError: TonyError | undefined, mayHaveApplied: boolean): TonyError {
  const whole = mayHaveApplied ? toMaybeApplied(error) : error
  if (error.code !== 'DEADLINE_EXCEEDED' || !previousError) return whole
  return new TonyError(
    `${error.message}; the attempt before it was answered with ${previousError.code}: ${previousError.message}`,
    whole,
  )
}
