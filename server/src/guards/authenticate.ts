import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Principal } from '../domain/principal.ts'
import type { Connection, Guard } from './call.ts'

/** Tolerance for clocks that disagree, in milliseconds. */
export const leewayMs = 5_000

/** Who a caller is now. Throws UNAUTHENTICATED, TOKEN_EXPIRED, TOKEN_REVOKED, STALE_INCARNATION or STORE_UNAVAILABLE. */
export function validPrincipal({ identity, services }: Connection): Principal {
  if (!identity.ok) throw identity.error
  const { principal } = identity
  if (principal.expiresAt + leewayMs < services.clock.wall()) {
    throw new CoordinationError('TOKEN_EXPIRED', 'the token has expired: refresh it, or register again')
  }
  services.identity.tokens.requireKnownKey(principal)
  const { agent } = principal
  // Before the session: of a superseded incarnation both are over, and that it was superseded says more.
  if (agent) services.identity.incarnations.requireCurrent(agent.id, agent.incarnation)
  services.identity.revocations.requireReadable()
  services.identity.revocations.requireNotRevoked(principal)
  return principal
}

/**
 * Who is calling, which is a sign of life. A socket outlives tokens and incarnations, so this is asked on each call, not once
 * a connection. Throws as `validPrincipal` does.
 */
export function currentPrincipal(connection: Connection): Principal {
  const principal = validPrincipal(connection)
  const { services } = connection
  if (principal.agent) services.presence.record(principal.project, principal.agent.id, services.now())
  return principal
}

/** Establishes the principal of a call, once; what comes after it reads `call.principal`. */
export const authenticate: Guard = (call) => {
  if (call.meta.permission !== 'open') call.principal = currentPrincipal(call.connection)
  return undefined
}
