import { CoordinationError } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import { errorShape } from '../../guards/errors.ts'
import { errorFrames } from './frames.ts'
import type { Incoming } from './incoming.ts'

/** What a socket has of something is as much as it may have. */
export const tooMany = (what: string, limit: number) =>
  new CoordinationError('RATE_LIMITED', `at most ${limit} ${what} on one socket: wait for some to end`, {
    limit,
    retryAfterMs: 100,
  })

/**
 * Answers every call of a frame that has too many: one error, built once. With one of its own for each, the twenty thousand
 * that fit into a frame held the loop up for 185 ms.
 */
export function refuseFrame(calls: readonly Extract<Incoming, { type: 'call' }>[], limit: number): Buffer {
  const error = new CoordinationError('INVALID_INPUT', `a frame has at most ${limit} calls: send more frames`, {
    limit,
  })
  return errorFrames(calls, errorShape(error, uuidv7()))
}
