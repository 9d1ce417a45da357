import { TonyError } from '@tony/mcp-client'
import { SeatError } from '@tony/mcp-tools/refusals'
import { type Clock, pause } from '../clock.ts'

/** How long one call waits on the server; longer waits are several. */
const roundMs = 50_000

export interface Rounds {
  /** How long in all, in milliseconds. */
  readonly waitMs: number
  readonly clock: Clock
  readonly ends: AbortSignal
}

/** Waits in rounds, over restarts of the server, until there is something, the time is up or nobody waits any more. */
export async function inRounds<T>(
  { waitMs, clock, ends }: Rounds,
  round: (ms: number, signal: AbortSignal) => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = clock.monotonic() + waitMs
  for (;;) {
    const left = Math.max(0, end - clock.monotonic())
    const found = await round(Math.ceil(Math.min(left, roundMs)), ends).catch(async (error: unknown) => {
      const passing = error instanceof TonyError ? error.retryable : error instanceof SeatError
      if (!passing || left === 0 || ends.aborted) throw error
      await pause(clock, 1_000, ends)
      return undefined
    })
    if (found !== undefined || ends.aborted || clock.monotonic() >= end) return found
  }
}
