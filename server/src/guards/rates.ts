import { CoordinationError } from '@tony/mcp-shared/errors'
import { networkOf } from '../domain/identity/network.ts'
import type { Clock } from '../platform/clock.ts'
import type { Connection, Guard } from './call.ts'

interface Bucket {
  left: number
  at: number
}

/** What a caller may spend: so much at once, and so much a second in the long run. */
interface Rate {
  readonly name: 'caller' | 'address'
  readonly burst: number
  readonly perSecond: number
}

export interface RateOptions {
  /** Without it nobody is limited. */
  readonly on: boolean
  readonly callerBurst: number
  readonly callerPerSecond: number
  readonly addressBurst: number
  readonly addressPerSecond: number
}

/** Callers remembered. Beyond it the longest unheard is forgotten, which gives it a full bucket again. */
const bucketsKept = 20_000

/**
 * Token buckets, one for each principal, and one for each network of callers that show no valid credential. In the memory of
 * this process: with several, each has its own.
 */
export class Rates {
  readonly #clock: Clock
  readonly #on: boolean
  readonly #caller: Rate
  readonly #address: Rate
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock, options: RateOptions) {
    this.#clock = clock
    this.#on = options.on
    this.#caller = { name: 'caller', burst: options.callerBurst, perSecond: options.callerPerSecond }
    this.#address = { name: 'address', burst: options.addressBurst, perSecond: options.addressPerSecond }
  }

  /** Why a call of this cost may not be now. Undefined when it may, and then it is paid for. */
  refusal(connection: Connection, cost: number): CoordinationError | undefined {
    if (!this.#on) return undefined
    const { rate, bucket } = this.#of(connection)
    if (bucket.left < cost) {
      const retryAfterMs = Math.ceil(((Math.min(cost, rate.burst) - bucket.left) / rate.perSecond) * 1_000)
      return new CoordinationError('RATE_LIMITED', `too many calls: wait ${retryAfterMs} ms`, { retryAfterMs })
    }
    bucket.left -= cost
    return undefined
  }

  /** Throws RATE_LIMITED, and takes nothing then. */
  take(connection: Connection, cost: number): void {
    const refusal = this.refusal(connection, cost)
    if (refusal) throw refusal
  }

  /** `RateLimit-Policy` and `RateLimit`: what a caller may spend, and what is left of it. */
  headers(connection: Connection): Readonly<Record<string, string>> {
    if (!this.#on) return {}
    const { rate, bucket } = this.#of(connection)
    const full = Math.ceil((rate.burst - bucket.left) / rate.perSecond)
    return {
      'ratelimit-policy': `"${rate.name}";q=${rate.burst};w=${Math.ceil(rate.burst / rate.perSecond)}`,
      ratelimit: `"${rate.name}";r=${Math.floor(bucket.left)};t=${full}`,
    }
  }

  #of({ identity, address }: Connection): { rate: Rate; bucket: Bucket } {
    const rate = identity.ok ? this.#caller : this.#address
    const key = identity.ok
      ? `${identity.principal.project} ${identity.principal.subject}`
      : `address ${networkOf(address)}`
    const now = this.#clock.monotonic()
    const known = this.#buckets.get(key)
    const bucket = known ?? { left: rate.burst, at: now }
    bucket.left = Math.min(rate.burst, bucket.left + ((now - bucket.at) / 1_000) * rate.perSecond)
    bucket.at = now
    // Taken out and put in again: the first of the map is then the one longest unheard.
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > bucketsKept && oldest !== undefined) this.#buckets.delete(oldest)
    return { rate, bucket }
  }
}

/** Takes what a call costs. Before anybody is refused for who it is: guessing costs too. */
export const rates: Guard = ({ connection, meta }) => {
  connection.parts.rates.take(connection, meta.cost ?? 1)
  return undefined
}
