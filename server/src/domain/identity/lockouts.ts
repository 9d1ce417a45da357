import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Clock } from '../../platform/clock.ts'

interface Attempts {
  failures: number
  /** When the first of them was. */
  since: number
  /** How often it was locked out, which doubles the next time. */
  times: number
  until: number
}

const failuresAllowed = 10
const windowMs = 300_000
const firstMs = 60_000
const longestMs = 3_600_000

/** Pairs remembered; beyond it the longest unheard is forgotten. */
const kept = 10_000

/**
 * Who guesses at a key. By the pair of address and key: by the key alone anybody could lock its holder out, by the address
 * alone one wrong process a whole machine. Access tokens need none: their signature cannot be guessed bit by bit.
 */
export class Lockouts {
  readonly #clock: Clock
  readonly #attempts = new Map<string, Attempts>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds for which it is locked out, whatever the secret is now: 0 when it is not. */
  leftMs(pair: string): number {
    return Math.max(0, Math.ceil((this.#attempts.get(pair)?.until ?? 0) - this.#clock.monotonic()))
  }

  /** Throws RATE_LIMITED while it is locked out. */
  require(pair: string): void {
    const retryAfterMs = this.leftMs(pair)
    if (retryAfterMs > 0)
      throw new CoordinationError('RATE_LIMITED', 'too many wrong credentials: wait', { retryAfterMs })
  }

  failed(pair: string): void {
    const now = this.#clock.monotonic()
    const known = this.#attempts.get(pair)
    const attempts = known ?? { failures: 0, since: now, times: 0, until: 0 }
    if (now - attempts.since > windowMs) Object.assign(attempts, { failures: 0, since: now })
    attempts.failures += 1
    if (attempts.failures >= failuresAllowed) {
      attempts.until = now + Math.min(longestMs, firstMs * 2 ** attempts.times)
      attempts.times += 1
      attempts.failures = 0
      attempts.since = now
    }
    this.#attempts.delete(pair)
    this.#attempts.set(pair, attempts)
    const [oldest] = this.#attempts.keys()
    if (this.#attempts.size > kept && oldest !== undefined) this.#attempts.delete(oldest)
  }

  succeeded(pair: string): void {
    this.#attempts.delete(pair)
  }
}
