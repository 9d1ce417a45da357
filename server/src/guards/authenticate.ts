import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Principal } from '../principal.ts'
import type { Connection, Guard } from './call.ts'

/** Tolerance for clocks that disagree, in milliseconds. */
const leewayMs = 5_000

/**
 * Who is calling. A socket outlives tokens and incarnations, so this is asked on each call, not once a connection.
 * Throws UNAUTHENTICATED, TOKEN_EXPIRED, TOKEN_REVOKED or STALE_INCARNATION.
 */
export function currentPrincipal({ identity, parts }: Connection): Principal {
  if (!identity.ok) throw identity.error
  const { principal } = identity
  if (principal.expiresAt + leewayMs < parts.clock.wall()) {
    throw new CoordinationError('TOKEN_EXPIRED', 'the token has expired: register again')
  }
  const { agent } = principal
  if (agent) {
    parts.incarnations.require(agent.id, agent.incarnation)
    parts.presence.note(principal.project, agent.id, parts.now())
  }
  return principal
}

export const authenticate: Guard = ({ connection, meta }) => {
  if (meta.permission !== 'open') currentPrincipal(connection)
  return undefined
}
