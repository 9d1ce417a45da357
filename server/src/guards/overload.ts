import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'

/** A refused caller is told to try again after a multiple of this, in milliseconds. */
const retryStepMs = 100

/**
 * Refuses a write if something has waited too long that would be served before it, and a write
 * whose input does not fit beside those that wait. It does not refuse reads, which do not wait for
 * the writer. Calls that keep or end a lease, a delivery or a session have a reserve of bytes and
 * are never refused for the age. It runs before the input is parsed, because a refusal must cost
 * less than the call.
 */
export const refuseOverload: Guard = ({ connection: { identity, services }, kind, meta, input }) => {
  if (kind !== 'mutation') return undefined
  const { lane = 'normal' } = meta
  const isUrgent = lane === 'urgent'
  const ageMs =
    identity.ok && !isUrgent
      ? services.store.queueAgeMs({ project: identity.principal.project, caller: identity.principal.subject, lane })
      : 0
  if (ageMs <= services.config.limits.queueMs && (input?.hasRoom(isUrgent) ?? true)) return undefined
  throw overloaded(Math.max(1, Math.ceil(ageMs / retryStepMs)) * retryStepMs)
}

const errors = new Map<number, CoordinationError>()

/** Bounds `errors`: ages of 10 s. */
const errorLimit = 100

/**
 * Returns the refusal with this delay. The refusals with one delay share an error: to make one
 * costs 30 µs, most of it for the stack, and a server under load refuses thousands in a second.
 */
function overloaded(retryAfterMs: number): CoordinationError {
  const known = errors.get(retryAfterMs)
  if (known) return known
  if (errors.size >= errorLimit) errors.clear()
  const message = `the server has more to write than it can in time: try again in ${retryAfterMs} ms`
  const error = new CoordinationError('OVERLOADED', message, { retryAfterMs })
  errors.set(retryAfterMs, error)
  return error
}
