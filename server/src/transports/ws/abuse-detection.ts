import type { Clock } from '../../platform/clock.ts'

/** Watches whether a client that hears that it calls too often goes on all the same. */
export interface AbuseDetector {
  recordSuccess(): void
  /** A call was refused for its rate: whether that has gone on for too long. */
  recordRefusal(): boolean
}

/** So long without a refused call, and the client has listened. */
const resetAfterMs = 1_000

export function createAbuseDetector(clock: Clock, floodMs: number): AbuseDetector {
  let refusals: { since: number; last: number } | undefined
  return {
    recordSuccess: () => {
      refusals = undefined
    },
    recordRefusal: () => {
      const now = clock.monotonic()
      const since = refusals && now - refusals.last < resetAfterMs ? refusals.since : now
      refusals = { since, last: now }
      return now - since >= floodMs
    },
  }
}

/** So many unusable frames in so long end a socket. */
const malformedLimit = 20
const malformedWindowMs = 10_000

export interface MalformedFrameCounter {
  /** Counts one, and whether it is one too many. */
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
  /** Whether one more may be now. */
  tryAcquire(): boolean
}

/**
 * So many handshakes a second, and as many at once. Each may cost a signature and a look into the database: when
 * thousands come back together, those who are in already are served first.
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
