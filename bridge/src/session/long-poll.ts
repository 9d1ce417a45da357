import { TonyError } from '@tony/mcp-client'
import { ToolError } from '@tony/mcp-tools/error-text'
import { type Clock, sleep } from '../clock.ts'

/** Longest blocking time of one call, in milliseconds. A longer wait takes several calls. */
const maxPollMs = 50_000

export interface LongPollOptions {
  /** Longest wait in all, in milliseconds. */
  readonly waitMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Repeats a blocking call, over restarts of the server, until there is a result, the time is up or
 * the signal aborts.
 */
export async function longPoll<T>(
  { waitMs, clock, signal }: LongPollOptions,
  poll: (ms: number, signal: AbortSignal) => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = clock.monotonic() + waitMs
  for (;;) {
    const left = Math.max(0, end - clock.monotonic())
    const found = await poll(Math.ceil(Math.min(left, maxPollMs)), signal).catch(async (error: unknown) => {
      const passing = error instanceof TonyError ? error.retryable : error instanceof ToolError
      if (!passing || left === 0 || signal.aborted) throw error
      await sleep(clock, 1_000, signal)
      return undefined
    })
    if (found !== undefined || signal.aborted || clock.monotonic() >= end) return found
  }
}
