import type { Principal } from '../../domain/principal.ts'
import type { Connection } from '../../guards/call.ts'

/** A connection whose caller can renew. What is open reads the identity of the moment, not the one it began with. */
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
