import { type Breaker, type BreakerOptions, breaker } from '../connection/breaker.ts'
import { type RepeatBudget, repeatBudget } from '../connection/budget.ts'
import { jitter, rest } from '../connection/timers.ts'
import { type Attempt, type Line, waitOf } from '../connection/transport.ts'
import type { CallOptions } from './calls.ts'
import { deadlineExceeded, type QueueLimit, queueFull, TonyError, tooLarge, unsure } from './errors.ts'

export type Repeat = 'safe' | 'keyed' | 'unsafe'

/** `never` is the caller's choice for one call: not even after a refusal that changed nothing. */
type Repeating = Repeat | 'never'

export interface CallerOptions {
  readonly line: Line
  /** In milliseconds. */
  readonly deadlineMs: number
  readonly queue: QueueLimit
  readonly budget: RepeatBudget
  readonly breaker: BreakerOptions
  /** Whether a token that has ended is followed by another. */
  readonly renews: boolean
}

export interface Call {
  readonly path: string
  readonly kind: 'query' | 'mutation'
  readonly input: unknown
  readonly repeat: Repeat
}

/** Backoff between repeats of a call the server could not take. */
const backoff = { initialMs: 50, maximumMs: 2_000 }

const encoder = new TextEncoder()

/** Makes calls over a line, each until it is answered or its time is over. */
export class Caller {
  readonly #options: CallerOptions
  readonly #line: Line
  readonly #breaker: Breaker
  readonly #afterBudgetMs: () => number
  /** Calls that wait before they try again. */
  readonly #resting = new Set<() => void>()
  /** Calls that were made while there was no connection and have not been sent. */
  readonly #unsent = { calls: 0, bytes: 0 }

  constructor(options: CallerOptions) {
    this.#options = options
    this.#line = options.line
    this.#breaker = breaker(options.breaker, options.line.losesCalls)
    this.#afterBudgetMs = repeatBudget(options.budget)
  }

  /** One call, repeated while that is safe and there is time. Rejects with TonyError. */
  async call({ path, kind, input, ...made }: Call, { deadlineMs: given, signal, once }: CallOptions): Promise<unknown> {
    const repeat = once ? 'never' : made.repeat
    const deadlineMs = given ?? this.#options.deadlineMs + waitOf({ path, input })
    const end = performance.now() + deadlineMs
    const params = this.#paramsOf(path, input)
    const call = { path, kind, input, params, end, deadlineMs, signal, once: repeat === 'unsafe' || repeat === 'never' }
    const sent = this.#line.isOpen && !this.#breaker.isOpen ? () => undefined : this.#queue(params.length)
    try {
      return await this.#repeated(call, repeat, sent)
    } finally {
      sent()
    }
  }

  async #repeated(call: Attempt, repeat: Repeating, sent: () => void): Promise<unknown> {
    const { path, end, signal } = call
    let mayHaveApplied = false
    let before: TonyError | undefined
    for (let attempts = 0; ; attempts += 1) {
      try {
        return await this.#attempt(call, sent)
      } catch (error) {
        if (!(error instanceof TonyError)) throw error
        const mayTryAgain = this.#mayTryAgain(error, path, repeat)
        const delay = mayTryAgain ? this.#delayAfter(error, attempts) : 0
        const over = performance.now() + delay >= end || signal?.aborted
        // A refusal of the last attempt says nothing of one before it whose answer was lost.
        if (over || !mayTryAgain) throw inAll(error, before, mayHaveApplied)
        mayHaveApplied ||= error.applied === 'unknown'
        before = error
        await rest(delay, this.#resting, signal)
      }
    }
  }

  async #attempt(call: Attempt, sent: () => void): Promise<unknown> {
    const { end, deadlineMs, signal } = call
    if (!(await this.#line.whenOpen(end, signal))) throw deadlineExceeded(deadlineMs, false)
    // One that may wait for long is not what a server is tried with.
    if (this.#breaker.isOpen && waitOf(call) > 0) await this.#probe(end)
    return this.#breaker.run(() => {
      sent()
      return this.#line.attempt(call)
    })
  }

  /** No call goes on: those that rest find that out at once. */
  wake(): void {
    for (const wake of [...this.#resting]) wake()
  }

  /** Whether the server works again. */
  #probe(end: number): Promise<unknown> {
    const probe = { path: 'system.info', kind: 'query', input: {} } as const
    const settings = { end, deadlineMs: this.#options.deadlineMs, signal: undefined, once: false }
    return this.#breaker.run(() =>
      this.#line.attempt({ ...probe, ...settings, params: this.#paramsOf(probe.path, probe.input) }),
    )
  }

  /** Takes a place among the calls that wait to be sent; the returned function gives it back. */
  #queue(bytes: number): () => void {
    const { queue } = this.#options
    const unsent = this.#unsent
    if (unsent.calls >= queue.calls || unsent.bytes + bytes > queue.bytes) throw queueFull(queue)
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

  #mayTryAgain(error: TonyError, path: string, repeat: Repeating): boolean {
    // The server has let go of this caller, or is about to: the next attempt shows the next token.
    const isPassing = error.code === 'TOKEN_EXPIRED' && this.#options.renews && path !== 'auth.renew'
    return isPassing || mayRepeat(error, repeat)
  }

  #delayAfter({ retryAfterMs = 0, code }: TonyError, attempts: number): number {
    // The next socket is the pause.
    if (code === 'CONNECTION_LOST' && !this.#line.losesCalls) return 0
    const delay = retryAfterMs + jitter(backoff, attempts)
    return code === 'CIRCUIT_OPEN' ? delay : Math.max(delay, this.#afterBudgetMs())
  }

  #paramsOf(path: string, input: unknown): string {
    const params = JSON.stringify({ path, input })
    const { maxBytes } = this.#line
    // A character of UTF-16 has at most three bytes in UTF-8.
    const bytes = params.length * 3 <= maxBytes ? 0 : encoder.encode(params).length
    if (bytes > maxBytes) throw tooLarge(bytes, maxBytes)
    return params
  }
}

/** What is for the caller to try again: the time it gave is over, or it has to wait for what other agents do. */
const callersChoice: ReadonlySet<TonyError['code']> = new Set([
  'DEADLINE_EXCEEDED',
  'NO_AGENTS_AVAILABLE',
  'LOCK_CONFLICT',
])

function mayRepeat(error: TonyError, repeat: Repeating): boolean {
  if (repeat === 'never' || !error.retryable || callersChoice.has(error.code)) return false
  return error.applied === 'no' || repeat !== 'unsafe'
}

/** The error of a call for all its attempts: the last one's alone would not say why the time ran out. */
function inAll(error: TonyError, before: TonyError | undefined, mayHaveApplied: boolean): TonyError {
  const whole = mayHaveApplied ? unsure(error) : error
  if (error.code !== 'DEADLINE_EXCEEDED' || !before) return whole
  return new TonyError(
    `${error.message}; the attempt before it was answered with ${before.code}: ${before.message}`,
    whole,
  )
}
