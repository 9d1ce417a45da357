import type { Limits } from '../../limits.ts'
import type { Clock } from '../../platform/clock.ts'

/** Watches whether the other side of a socket still sends. */
export interface Liveness {
  /** Records that something arrived. */
  record(): void
  /** `ping` after a long silence, once; `dead` if nothing has answered that ping in time. */
  check(): 'alive' | 'ping' | 'dead'
}

export function createLiveness(clock: Clock, { pingMs, pongMs }: Pick<Limits, 'pingMs' | 'pongMs'>): Liveness {
  let lastReceivedAt = clock.monotonic()
  let pingedAt: number | undefined
  return {
    record: () => {
      lastReceivedAt = clock.monotonic()
      pingedAt = undefined
    },
    check: () => {
      const now = clock.monotonic()
      // Counted from the ping: after a pause of this process every client has been silent.
      if (pingedAt !== undefined) return now - pingedAt >= pongMs ? 'dead' : 'alive'
      if (now - lastReceivedAt <= pingMs) return 'alive'
      pingedAt = now
      return 'ping'
    },
  }
}
