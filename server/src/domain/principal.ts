import { CoordinationError } from '@tony/mcp-shared/errors'
import { type Permission, policy } from '@tony/mcp-shared/policy'
import type { Role } from '@tony/mcp-shared/roles'

/**
 * The verified identity of a caller: an agent by its token, a program by its API key, or a
 * developer on the same machine in dev mode.
 */
export interface Principal {
  /** Stable name of the caller in idempotency keys and logs. */
  readonly subject: string
  /** Id of the project that owns every row the caller touches. */
  readonly project: string
  readonly role: Role
  readonly capabilities: readonly string[]
  /** Undefined for a key and for a developer in dev mode. */
  readonly agent: { readonly id: string; readonly name: string; readonly incarnation: number } | undefined
  /** The session of an agent. */
  readonly sessionId?: string
  /** Id of the key that signed the agent's access token. */
  readonly signingKeyId?: string
  /** The API key of a program. Its scopes limit the permissions of the role. */
  readonly key?: { readonly id: string; readonly name: string; readonly scopes: ReadonlySet<string> }
  /** Permissions beyond those of the role. */
  readonly extraPermissions?: ReadonlySet<Permission>
  /** Expiry of the credential, in milliseconds since 1970 by the wall clock. */
  readonly expiresAt: number
}

/**
 * Returns the calling agent. Throws FORBIDDEN for a key and for a developer in dev mode, who have
 * no leases, inbox or receipts.
 */
export function requireAgent(principal: Principal): NonNullable<Principal['agent']> {
  if (!principal.agent)
    throw new CoordinationError('FORBIDDEN', 'only a registered agent can do this: register, then call with its token')
  return principal.agent
}

/**
 * Id of the calling agent for the `actor` of events; null for a key and for a developer in dev
 * mode.
 */
export const actorOf = (principal: Principal): string | null => principal.agent?.id ?? null

/** True if a caller sees the messages of all agents; the others see those they sent or received. */
export const seesAllMessages = ({ role }: Principal): boolean => role === 'tech-lead' || role === 'admin'

/**
 * True if the role of a caller, and the scopes of its key, include a permission. The scope alone
 * decides about registering agents, so that an enrolment token needs no tech-lead role.
 */
export function isAllowed({ role, key, extraPermissions: extra }: Principal, permission: Permission): boolean {
  if (extra?.has(permission)) return true
  if (!key || permission === 'auth:self') return policy[role].has(permission)
  if (permission === 'agents:register' && key.scopes.has(permission)) return true
  return policy[role].has(permission) && (key.scopes.has(permission) || key.scopes.has('*'))
}
