import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Principal } from '../domain/principal.ts'
import type { Connection, Guard } from './call.ts'

/** Tolerance for clock skew, in milliseconds. */
export const clockSkewMs = 5_000

/**
 * Returns the caller's current principal. Throws UNAUTHENTICATED, TOKEN_EXPIRED, TOKEN_REVOKED,
 * STALE_INCARNATION or STORE_UNAVAILABLE.
 */
export function requireValidPrincipal({ identity, services }: Connection): Principal {
  if (!identity.ok) throw identity.error
  const { principal } = identity
  if (principal.expiresAt + clockSkewMs < services.clock.wall()) {
    throw new CoordinationError('TOKEN_EXPIRED', 'the token has expired: refresh it, or register again')
  }
  services.identity.tokens.requireKnownKey(principal)
  const { agent } = principal
  // Checked before the session: a superseded incarnation has lost its session too, and
  // STALE_INCARNATION tells the caller more.
  if (agent) services.identity.incarnations.requireCurrent(agent.id, agent.incarnation)
  services.identity.revocations.requireReadable()
  services.identity.revocations.requireNotRevoked(principal)
  return principal
}

/**
 * Returns the caller's principal and records its presence. A socket outlives tokens and
 * incarnations, so this runs on each call and not once a connection. Throws as
 * `requireValidPrincipal` does.
 */
export function authenticateCaller(connection: Connection): Principal {
  const principal = requireValidPrincipal(connection)
  const { services } = connection
  if (principal.agent) services.presence.record(principal.project, principal.agent.id, services.now())
  return principal
}

/** Sets the principal of a call, once. Later guards and the operation read `call.principal`. */
export const authenticate: Guard = (call) => {
  if (call.meta.permission !== 'open') call.principal = authenticateCaller(call.connection)
  return undefined
}
