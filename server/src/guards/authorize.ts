import { CoordinationError } from '@tony/mcp-shared/errors'
import { isAllowed } from '../domain/principal.ts'
import type { Guard } from './call.ts'

/** Requires that the caller's role, and its key if it has one, grant the procedure's permission. */
export const authorize: Guard = ({ principal, path, meta }) => {
  const { permission } = meta
  if (permission === 'open') return undefined
  if (isAllowed(principal, permission)) return undefined
  const { role, key } = principal
  const lacking = key ? `which this key of the role ${role} does not grant` : `which the role ${role} does not grant`
  throw new CoordinationError('FORBIDDEN', `${path} needs ${permission}, ${lacking}`, { permission, role })
}
