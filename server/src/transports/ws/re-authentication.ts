import type { Principal } from '../../domain/principal.ts'
import type { Connection } from '../../guards/call.ts'

/**
 * Wraps a connection so that its caller can re-authenticate. Open calls and subscriptions read the
 * current identity, not the one they began with.
 */
export function withReauthentication(connection: Connection, onRenew: (principal: Principal) => void): Connection {
  let { identity } = connection
  return {
    ...connection,
    get identity() {
      return identity
    },
    renew: (principal) => {
      identity = { ok: true, principal }
      onRenew(principal)
    },
  }
}
