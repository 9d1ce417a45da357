import type { Clock } from '../../platform/clock.ts'

/** Detects clients that keep calling after `RATE_LIMITED`. */
export interface AbuseDetector {
  recordSuccess(): void
  /**
   * Records a call that was refused for its rate. Returns true if the refusals have gone on for too
   * long.
   */
  recordRefusal(): boolean
}

/** A time of this length without a refused call resets the detector. */
const resetAfterMs = 1_000

export function createAbuseDetector(clock: Clock, abuseMs: number): AbuseDetector {
  let refusals: { since: number; last: number } | undefined
  return {
    recordSuccess: () => {
      refusals = undefined
    },
    recordRefusal: () => {
      const now = clock.monotonic()
      const since = refusals && now - refusals.last < resetAfterMs ? refusals.since : now
      refusals = { since, last: now }
      return now - since >= abuseMs
    },
  }
}

/** A socket that sends more malformed frames than this within the window is closed. */
const malformedLimit = 20
const malformedWindowMs = 10_000

export interface MalformedFrameCounter {
  /** Counts one malformed frame. Returns true if that exceeds the limit. */
  record(): boolean
}

export function createMalformedFrameCounter(clock: Clock): MalformedFrameCounter {
  let times: number[] = []
  return {
    record: () => {
      const now = clock.monotonic()
      times = [...times.filter((at) => now - at < malformedWindowMs), now]
      return times.length > malformedLimit
    },
  }
}

export interface HandshakeLimiter {
  /** Takes one handshake from the allowance. Returns false if none is left. */
  tryAcquire(): boolean
}

/**
 * Allows `perSecond` handshakes a second, and a burst of the same size. Each may cost a signature
 * check and a database read: when thousands of clients reconnect at once, the connected ones are
 * served first.
 */
export function createHandshakeLimiter(clock: Clock, perSecond: number): HandshakeLimiter {
  let tokens = perSecond
  let refilledAt = clock.monotonic()
  return {
    tryAcquire: () => {
      const now = clock.monotonic()
      tokens = Math.min(perSecond, tokens + ((now - refilledAt) / 1_000) * perSecond)
      refilledAt = now
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
