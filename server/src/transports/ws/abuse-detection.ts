import type { Clock } from '../../platform/clock.ts'

/** Watches whether a client that hears that it calls too often goes on all the same. */
export interface FloodWatch {
  admitted(): void
  /** A call was refused for its rate: whether that has gone on for too long. */
  goesOn(): boolean
}

/** So long without a refused call, and the client has listened. */
const pausedMs = 1_000

export function floodWatch(clock: Clock, floodMs: number): FloodWatch {
  let refused: { since: number; last: number } | undefined
  return {
    admitted: () => {
      refused = undefined
    },
    goesOn: () => {
      const now = clock.monotonic()
      const since = refused && now - refused.last < pausedMs ? refused.since : now
      refused = { since, last: now }
      return now - since >= floodMs
    },
  }
}

/** So many unusable frames in so long end a socket. */
const malformedLimit = 20
const malformedWindowMs = 10_000

export interface MalformedWatch {
  /** Counts one, and whether it is one too many. */
  tooMany(): boolean
}

export function malformedWatch(clock: Clock): MalformedWatch {
  let times: number[] = []
  return {
    tooMany: () => {
      const now = clock.monotonic()
      times = [...times.filter((at) => now - at < malformedWindowMs), now]
      return times.length > malformedLimit
    },
  }
}

export interface Pace {
  /** Whether one more may be now. */
  admits(): boolean
}

/**
 * So many handshakes a second, and as many at once. Each may cost a signature and a look into the database: when
 * thousands come back together, those who are in already are served first.
 */
export function handshakePace(clock: Clock, perSecond: number): Pace {
  let left = perSecond
  let at = clock.monotonic()
  return {
    admits: () => {
      const now = clock.monotonic()
      left = Math.min(perSecond, left + ((now - at) / 1_000) * perSecond)
      at = now
      if (left < 1) return false
      left -= 1
      return true
    },
  }
}
