import { CoordinationError } from '@tony/mcp-shared/errors'
import { policy } from '@tony/mcp-shared/policy'
import type { Guard } from './call.ts'

/** Whether the caller's role grants what the procedure needs. */
export const authorize: Guard = ({ connection: { identity }, path, meta }) => {
  const { permission } = meta
  if (permission === 'open') return undefined
  if (!identity.ok) throw identity.error
  const { role } = identity.principal
  if (!policy[role].has(permission)) {
    throw new CoordinationError('FORBIDDEN', `${path} needs ${permission}, which the role ${role} does not grant`, {
      permission,
      role,
    })
  }
  return undefined
}
