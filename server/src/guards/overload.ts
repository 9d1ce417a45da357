import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'

/**
 * Refuses a write of a project whose oldest waiting write has waited too long. It does not refuse
 * reads, which do not wait for the writer, or calls that keep or end a lease, a delivery or a
 * session. It runs before the input is parsed, because a refusal must cost less than the call.
 */
export const refuseOverload: Guard = ({ connection, kind, meta }) => {
  const { identity, services } = connection
  if (kind !== 'mutation' || meta.lane === 'urgent' || !identity.ok) return undefined
  const ageMs = services.store.queueAgeMs(identity.principal.project)
  if (ageMs <= services.config.limits.queueMs) return undefined
  const retryAfterMs = Math.ceil(ageMs)
  throw new CoordinationError(
    'OVERLOADED',
    `the server has more to write than it can in time: try again in ${retryAfterMs} ms`,
    { retryAfterMs },
  )
}
