import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Clock } from '../../platform/clock.ts'
import type { Caller } from './caller.ts'
import { networkOf } from './network.ts'

interface Bucket {
  tokens: number
  refilledAt: number
}

/** The budgets of one caller. */
interface Buckets {
  readonly normal: Bucket
  /** Of calls that keep or end a lease, a delivery or a session. */
  readonly urgent: Bucket
}

/** The calls that a budget is for. */
export type BudgetKind = keyof Buckets

/** The budget of a caller: the cost allowed at once, and the cost per second in the long run. */
interface RateLimit {
  readonly name: 'caller' | 'address'
  readonly burst: number
  readonly perSecond: number
}

export interface RateLimiterOptions {
  /** False turns all limits off. */
  readonly enabled: boolean
  readonly callerBurst: number
  readonly callerPerSecond: number
  readonly addressBurst: number
  readonly addressPerSecond: number
}

/**
 * The number of callers in memory. Beyond it the caller with the oldest call is dropped, which
 * gives it a full bucket again.
 */
const maxBuckets = 20_000

/**
 * Token buckets: two for each principal, and one for each network of callers without a valid
 * credential. They are kept in memory: each process has its own. Urgent calls of a principal have a
 * bucket of their own, so that no other call can keep a heartbeat out.
 */
export class RateLimiter {
  readonly #clock: Clock
  readonly #enabled: boolean
  readonly #callerRate: RateLimit
  readonly #addressRate: RateLimit
  readonly #buckets = new Map<string, Buckets>()

  constructor(clock: Clock, options: RateLimiterOptions) {
    this.#clock = clock
    this.#enabled = options.enabled
    this.#callerRate = { name: 'caller', burst: options.callerBurst, perSecond: options.callerPerSecond }
    this.#addressRate = { name: 'address', burst: options.addressBurst, perSecond: options.addressPerSecond }
  }

  /**
   * Pays the cost of a call. Returns the refusal if the budget does not cover it, and undefined if
   * the call is paid.
   */
  tryConsume(caller: Caller, cost: number, kind: BudgetKind = 'normal'): CoordinationError | undefined {
    if (!this.#enabled) return undefined
    const { rate, bucket } = this.#bucketOf(caller, kind)
    if (bucket.tokens < cost) {
      const retryAfterMs = Math.ceil(((Math.min(cost, rate.burst) - bucket.tokens) / rate.perSecond) * 1_000)
      return new CoordinationError('RATE_LIMITED', `too many calls: wait ${retryAfterMs} ms`, { retryAfterMs })
    }
    bucket.tokens -= cost
    return undefined
  }

  /**
   * Pays the cost of a call. Throws RATE_LIMITED, without paying, if the budget does not cover it.
   */
  consume(caller: Caller, cost: number, kind: BudgetKind = 'normal'): void {
    const refusal = this.tryConsume(caller, cost, kind)
    if (refusal) throw refusal
  }

  /**
   * Charges a cost that was known only after the call. The budget may become negative, by one burst
   * at most; calls are refused until it covers them again.
   */
  charge(caller: Caller, cost: number): void {
    if (!this.#enabled || cost <= 0) return
    const { rate, bucket } = this.#bucketOf(caller, 'normal')
    bucket.tokens = Math.max(-rate.burst, bucket.tokens - cost)
  }

  /** Returns `RateLimit-Policy` and `RateLimit`: a caller's budget and the rest of it. */
  headers(caller: Caller): Readonly<Record<string, string>> {
    if (!this.#enabled) return {}
    const { rate, bucket } = this.#bucketOf(caller, 'normal')
    const full = Math.ceil((rate.burst - bucket.tokens) / rate.perSecond)
    return {
      'ratelimit-policy': `"${rate.name}";q=${rate.burst};w=${Math.ceil(rate.burst / rate.perSecond)}`,
      ratelimit: `"${rate.name}";r=${Math.max(0, Math.floor(bucket.tokens))};t=${full}`,
    }
  }

  #bucketOf({ identity, address }: Caller, kind: BudgetKind): { rate: RateLimit; bucket: Bucket } {
    const rate = identity.ok ? this.#callerRate : this.#addressRate
    const key = identity.ok
      ? `${identity.principal.project} ${identity.principal.subject}`
      : `address ${networkOf(address)}`
    const now = this.#clock.monotonic()
    const full = (): Bucket => ({ tokens: rate.burst, refilledAt: now })
    const buckets = this.#buckets.get(key) ?? { normal: full(), urgent: full() }
    // A caller without a credential has one bucket: it could name any call.
    const bucket = identity.ok ? buckets[kind] : buckets.normal
    bucket.tokens = Math.min(rate.burst, bucket.tokens + ((now - bucket.refilledAt) / 1_000) * rate.perSecond)
    bucket.refilledAt = now
    // Deleted and set again, so that the first entry of the map is the caller with the oldest call.
    this.#buckets.delete(key)
    this.#buckets.set(key, buckets)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > maxBuckets && oldest !== undefined) this.#buckets.delete(oldest)
    return { rate, bucket }
  }
}
