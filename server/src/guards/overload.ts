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
  const isUrgent = meta.lane === 'urgent'
  const ageMs = identity.ok ? services.store.queueAgeMs(identity.principal.project) : 0
  const isTooOld = ageMs > services.config.limits.queueMs && !isUrgent
  if (!isTooOld && (input?.hasRoom(isUrgent) ?? true)) return undefined
  const retryAfterMs = Math.max(minimumRetryMs, Math.ceil(ageMs))
  throw new CoordinationError(
    'OVERLOADED',
    `the server has more to write than it can in time: try again in ${retryAfterMs} ms`,
    { retryAfterMs },
  )
}
