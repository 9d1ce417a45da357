import { CoordinationError } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import { toErrorShape } from '../../guards/errors.ts'
import type { ClientMessage } from './client-message.ts'
import { errorFrames } from './frames.ts'

/** Returns the error for a call or a subscription beyond a limit of its socket. */
export const callLimitError = (noun: string, limit: number) =>
  new CoordinationError('RATE_LIMITED', `at most ${limit} ${noun} on one socket: wait for some to end`, {
    limit,
    retryAfterMs: 100,
  })

/**
 * Refuses every call of a frame that has too many, with one shared error. Building one error for
 * each of the 20,000 calls that fit into a frame blocked the event loop for 185 ms.
 */
export function refuseFrame(calls: readonly Extract<ClientMessage, { type: 'call' }>[], limit: number): Buffer {
  const error = new CoordinationError('INVALID_INPUT', `a frame has at most ${limit} calls: send more frames`, {
    limit,
  })
  return errorFrames(calls, toErrorShape(error, uuidv7()))
}
