import { type Breaker, type BreakerOptions, createBreaker } from '../connection/breaker.ts'
import { createRetryPacer, type RetryBudget } from '../connection/retry-budget.ts'
import { jitteredDelayMsOf, sleep } from '../connection/timers.ts'
import { blockingMsOf, type CallAttempt, type Transport } from '../connection/transport.ts'
import type { CallOptions } from './calls.ts'
import {
  deadlineExceededError,
  type OfflineQueueLimit,
  offlineQueueFullError,
  payloadTooLargeError,
  TonyError,
  toMaybeAppliedError,
} from './errors.ts'

export type RetrySafety = 'safe' | 'keyed' | 'unsafe'

/**
 * `never` is chosen by the caller of one call: no repeat, even after a refusal that changed
 * nothing.
 */
type RetryMode = RetrySafety | 'never'

export interface CallerOptions {
  readonly transport: Transport
  /** Default deadline of a call, in milliseconds. */
  readonly deadlineMs: number
  readonly queue: OfflineQueueLimit
  readonly budget: RetryBudget
  readonly breaker: BreakerOptions
  /** True if an expired token is refreshed. */
  readonly refreshesToken: boolean
}

export interface Call {
  readonly path: string
  readonly kind: 'query' | 'mutation'
  readonly input: unknown
  readonly repeat: RetrySafety
}

/** Backoff between the attempts of a call. */
const backoff = { initialMs: 50, maximumMs: 2_000 }

const encoder = new TextEncoder()

/** Makes calls over a transport. Each is repeated until it is answered or its deadline passes. */
export class Caller {
  readonly #options: CallerOptions
  readonly #transport: Transport
  readonly #breaker: Breaker
  readonly #takeRetryDelayMs: () => number
  /** Wakes the calls that wait between two attempts. */
  readonly #backoffWaiters = new Set<() => void>()
  /** The calls made without a connection and not sent yet. */
  readonly #unsent = { calls: 0, bytes: 0 }

  constructor(options: CallerOptions) {
    this.#options = options
    this.#transport = options.transport
    this.#breaker = createBreaker(options.breaker, options.transport.reportsLossPerCall)
    this.#takeRetryDelayMs = createRetryPacer(options.budget)
  }

  /**
   * Makes one call and repeats it while that is safe and the deadline allows it. Rejects with
   * TonyError.
   */
  async call({ path, kind, input, ...made }: Call, { deadlineMs: given, signal, once }: CallOptions): Promise<unknown> {
    const repeat = once ? 'never' : made.repeat
    const deadlineMs = given ?? this.#options.deadlineMs + blockingMsOf({ path, input })
    const end = performance.now() + deadlineMs
    const params = this.#paramsOf(path, input)
    const call = { path, kind, input, params, end, deadlineMs, signal, once: repeat === 'unsafe' || repeat === 'never' }
    const markSent = this.#transport.isOpen && !this.#breaker.isOpen ? () => undefined : this.#enqueue(params)
    try {
      return await this.#callWithRetries(call, repeat, markSent)
    } finally {
      markSent()
    }
  }

  async #callWithRetries(call: CallAttempt, repeat: RetryMode, markSent: () => void): Promise<unknown> {
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
        // A refusal of the last attempt does not tell whether an earlier one with a lost reply took
        // effect.
        if (over || !mayTryAgain) throw toOverallError(error, previousError, mayHaveApplied)
        mayHaveApplied ||= error.applied === 'unknown'
        previousError = error
        await sleep(delay, this.#backoffWaiters, signal)
      }
    }
  }

  async #attempt(call: CallAttempt, markSent: () => void): Promise<unknown> {
    const { end, deadlineMs, signal } = call
    if (!(await this.#transport.whenOpen(end, signal)))
      throw deadlineExceededError(deadlineMs, false, this.#transport.lossReason)
    // A blocking call is a bad probe for a failing server because it may take long, so a short call
    // goes first.
    if (this.#breaker.isOpen && blockingMsOf(call) > 0) await this.#probe(end)
    return this.#breaker.run(() => {
      markSent()
      return this.#transport.attempt(call)
    })
  }

  /**
   * Wakes every call that waits between two attempts, so that it rejects at once on the closed
   * transport.
   */
  notifyWaiters(): void {
    for (const wake of [...this.#backoffWaiters]) wake()
  }

  /** Calls a short procedure to find out if the server works again. */
  #probe(end: number): Promise<unknown> {
    const probe = { path: 'system.info', kind: 'query', input: {} } as const
    const settings = { end, deadlineMs: this.#options.deadlineMs, signal: undefined, once: false }
    return this.#breaker.run(() =>
      this.#transport.attempt({ ...probe, ...settings, params: this.#paramsOf(probe.path, probe.input) }),
    )
  }

  /**
   * Adds a call to the offline queue and returns the function that removes it. Throws
   * OFFLINE_QUEUE_FULL.
   */
  #enqueue(params: string): () => void {
    const bytes = encoder.encode(params).length
    const { queue } = this.#options
    const unsent = this.#unsent
    if (unsent.calls >= queue.calls || unsent.bytes + bytes > queue.bytes) throw offlineQueueFullError(queue)
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
    // The server closes the connection of an expired token. The next attempt sends the refreshed
    // one.
    const isPassing = error.code === 'TOKEN_EXPIRED' && this.#options.refreshesToken && path !== 'auth.renew'
    return isPassing || mayRetry(error, repeat)
  }

  #delayAfter({ retryAfterMs = 0, code }: TonyError, attempts: number): number {
    // Opening the next socket takes time already.
    if (code === 'CONNECTION_LOST' && !this.#transport.reportsLossPerCall) return 0
    const delay = retryAfterMs + jitteredDelayMsOf(backoff, attempts)
    return code === 'CIRCUIT_OPEN' ? delay : Math.max(delay, this.#takeRetryDelayMs())
  }

  #paramsOf(path: string, input: unknown): string {
    const params = JSON.stringify({ path, input })
    const { maxBytes } = this.#transport
    // A UTF-16 code unit has at most three bytes in UTF-8.
    const bytes = params.length * 3 <= maxBytes ? 0 : encoder.encode(params).length
    if (bytes > maxBytes) throw payloadTooLargeError(bytes, maxBytes)
    return params
  }
}

/**
 * Errors left to the caller to retry: its deadline has passed, or the outcome depends on other
 * agents.
 */
const notRetriedCodes: ReadonlySet<TonyError['code']> = new Set([
  'DEADLINE_EXCEEDED',
  'NO_AGENTS_AVAILABLE',
  'LOCK_CONFLICT',
])

function mayRetry(error: TonyError, repeat: RetryMode): boolean {
  if (repeat === 'never' || !error.retryable || notRetriedCodes.has(error.code)) return false
  return error.applied === 'no' || repeat !== 'unsafe'
}

/**
 * Returns the error of a call over all its attempts. A passed deadline names the previous error,
 * which explains why the time ran out.
 */
function toOverallError(error: TonyError, previousError: TonyError | undefined, mayHaveApplied: boolean): TonyError {
  const whole = mayHaveApplied ? toMaybeAppliedError(error) : error
  if (error.code !== 'DEADLINE_EXCEEDED' || !previousError) return whole
  return new TonyError(
    `${error.message}; the attempt before it was answered with ${previousError.code}: ${previousError.message}`,
    whole,
  )
}
