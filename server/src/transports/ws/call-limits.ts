import { CoordinationError } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import { toErrorShape } from '../../guards/errors.ts'
import type { ClientMessage } from './client-message.ts'
import { errorFrames } from './frames.ts'

/** What a socket has of something is as much as it may have. */
export const callLimitError = (noun: string, limit: number) =>
  new CoordinationError('RATE_LIMITED', `at most ${limit} ${noun} on one socket: wait for some to end`, {
    limit,
    retryAfterMs: 100,
  })

/**
 * Answers every call of a frame that has too many: one error, built once. With one of its own for each, the twenty thousand
 * that fit into a frame held the loop up for 185 ms.
 */
export function refuseFrame(calls: readonly Extract<ClientMessage, { type: 'call' }>[], limit: number): Buffer {
  const error = new CoordinationError('INVALID_INPUT', `a frame has at most ${limit} calls: send more frames`, {
    limit,
  })
  return errorFrames(calls, toErrorShape(error, uuidv7()))
}
