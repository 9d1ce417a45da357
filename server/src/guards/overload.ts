import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'

/**
 * Refuses a write whose project has writes that have waited too long. What keeps or ends a lease, a
 * delivery or a session is never refused, and neither is a read, which does not wait for the writer.
 * It runs before the input is looked at: to refuse a call must cost less than to serve it.
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
