import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'

/** Shortest time after which a refused caller is told to try again, in milliseconds. */
const minimumRetryMs = 100

/**
 * Refuses a write of a project whose oldest waiting write has waited too long, and a write whose
 * input does not fit beside those that wait. It does not refuse reads, which do not wait for the
 * writer. Calls that keep or end a lease, a delivery or a session have a reserve of bytes and are
 * never refused for the age. It runs before the input is parsed, because a refusal must cost less
 * than the call.
 */
export const refuseOverload: Guard = ({ connection, kind, meta, input }) => {
  const { identity, services } = connection
  if (kind !== 'mutation') return undefined
  const { lane = 'normal' } = meta
  const isUrgent = lane === 'urgent'
  const ageMs = identity.ok ? services.store.queueAgeMs(identity.principal.project, lane) : 0
  const isTooOld = ageMs > services.config.limits.queueMs && !isUrgent
  if (!isTooOld && (input?.hasRoom(isUrgent) ?? true)) return undefined
  throw overloaded(Math.max(minimumRetryMs, Math.ceil(ageMs)))
}

let last: { readonly retryAfterMs: number; readonly error: CoordinationError } | undefined

/**
 * Returns the refusal with this delay. The refusals of one millisecond share an error: to make one
 * costs 30 µs, most of it for the stack, and a server under load refuses thousands in a second.
 */
function overloaded(retryAfterMs: number): CoordinationError {
  if (last?.retryAfterMs === retryAfterMs) return last.error
  const message = `the server has more to write than it can in time: try again in ${retryAfterMs} ms`
  last = { retryAfterMs, error: new CoordinationError('OVERLOADED', message, { retryAfterMs }) }
  return last.error
}
