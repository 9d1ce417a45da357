import { CoordinationError } from '@tony/mcp-shared/errors'
import { procedures } from '../../api/pipeline.ts'
import { toErrorShape } from '../../guards/errors.ts'
import type { Limits } from '../../limits.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { ClientMessage } from './client-message.ts'
import { errorFrames } from './frames.ts'
import type { OpenCalls } from './open-calls.ts'

export type IncomingCall = Extract<ClientMessage, { type: 'call' }>

/**
 * Number of calls that a socket may have in flight in addition to `callsInFlight`, for the lane
 * `urgent` only: calls that keep or end a lease, a delivery or a session. A heartbeat is therefore
 * accepted while the socket has its full number of blocking calls.
 */
const urgentReserve = 64

const isUrgent = ({ path }: IncomingCall): boolean => procedures.get(path)?.meta.lane === 'urgent'

/** Returns the error for a call or a subscription beyond a limit of its socket. */
const callLimitError = (noun: string, limit: number) =>
  new CoordinationError('RATE_LIMITED', `at most ${limit} ${noun} on one socket: wait for some to end`, {
    limit,
    retryAfterMs: 100,
  })

/** Returns the error if a call or a subscription is beyond a limit of its socket. */
export function limitErrorOf(
  incoming: IncomingCall,
  openCalls: OpenCalls,
  { subscriptions, callsInFlight }: Limits,
): CoordinationError | undefined {
  if (incoming.kind === 'subscription')
    return openCalls.openSubscriptions >= subscriptions ? callLimitError('subscriptions', subscriptions) : undefined
  const limit = isUrgent(incoming) ? callsInFlight + urgentReserve : callsInFlight
  return openCalls.inFlight >= limit ? callLimitError('calls in flight', limit) : undefined
}

/**
 * Refuses every call of a frame that has too many, with one shared error. Building one error for
 * each of the 20,000 calls that fit into a frame blocked the event loop for 185 ms.
 */
export function refusalFramesOf(calls: readonly IncomingCall[], limit: number): Buffer {
  const error = new CoordinationError('INVALID_INPUT', `a frame has at most ${limit} calls: send more frames`, {
    limit,
  })
  return errorFrames(calls, toErrorShape(error, uuidv7()))
}
