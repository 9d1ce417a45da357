import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Clock } from '../../platform/clock.ts'

interface LockoutState {
  failures: number
  /** Time of the first of these failures. */
  firstFailureAt: number
  /** The number of lockouts. Each one doubles the length of the next. */
  lockoutCount: number
  lockedUntil: number
}

const failuresAllowed = 10
const windowMs = 300_000
const firstLockoutMs = 60_000
const maxLockoutMs = 3_600_000

/** The number of pairs in memory. Beyond it the pair with the oldest failure is dropped. */
const maxEntries = 10_000

/**
 * Refuses callers who guess at a key, by the pair of address and key. By the key alone anyone could
 * lock its holder out; by the address alone one faulty process could lock out a whole machine.
 * Access tokens need no lockout: a signature cannot be guessed bit by bit.
 */
export class Lockouts {
  readonly #clock: Clock
  readonly #attempts = new Map<string, LockoutState>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Returns the milliseconds until the lockout ends, even for the right secret; 0 if there is none.
   */
  remainingMs(lockoutId: string): number {
    return Math.max(0, Math.ceil((this.#attempts.get(lockoutId)?.lockedUntil ?? 0) - this.#clock.monotonic()))
  }

  /** Throws RATE_LIMITED during a lockout. */
  requireUnlocked(lockoutId: string): void {
    const retryAfterMs = this.remainingMs(lockoutId)
    if (retryAfterMs > 0)
      throw new CoordinationError('RATE_LIMITED', 'too many wrong credentials: wait', { retryAfterMs })
  }

  recordFailure(lockoutId: string): void {
    const now = this.#clock.monotonic()
    const existing = this.#attempts.get(lockoutId)
    const attempts = existing ?? { failures: 0, firstFailureAt: now, lockoutCount: 0, lockedUntil: 0 }
    if (now - attempts.firstFailureAt > windowMs) {
      attempts.failures = 0
      attempts.firstFailureAt = now
    }
    attempts.failures += 1
    if (attempts.failures >= failuresAllowed) {
      attempts.lockedUntil = now + Math.min(maxLockoutMs, firstLockoutMs * 2 ** attempts.lockoutCount)
      attempts.lockoutCount += 1
      attempts.failures = 0
      attempts.firstFailureAt = now
    }
    this.#attempts.delete(lockoutId)
    this.#attempts.set(lockoutId, attempts)
    const [oldest] = this.#attempts.keys()
    if (this.#attempts.size > maxEntries && oldest !== undefined) this.#attempts.delete(oldest)
  }

  recordSuccess(lockoutId: string): void {
    this.#attempts.delete(lockoutId)
  }
}
