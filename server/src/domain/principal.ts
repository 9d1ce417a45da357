import { CoordinationError } from '@tony/mcp-shared/errors'
import { type Permission, policy } from '@tony/mcp-shared/policy'
import type { Role } from '@tony/mcp-shared/roles'

/** Who is calling: an agent by its token, a program by its API key, or a developer on the same machine in dev mode. */
export interface Principal {
  /** Stable name of the caller in idempotency keys and logs. */
  readonly subject: string
  /** Id of the project every row it touches belongs to. */
  readonly project: string
  readonly role: Role
  readonly capabilities: readonly string[]
  /** Absent for a key, and for a developer in dev mode. */
  readonly agent: { readonly id: string; readonly name: string; readonly incarnation: number } | undefined
  /** The login of an agent. */
  readonly sessionId?: string
  /** The signing key of its access token. */
  readonly signingKeyId?: string
  /** Of a caller that shows an API key: what it is good for, within its role. */
  readonly key?: { readonly id: string; readonly name: string; readonly scopes: ReadonlySet<string> }
  /** When the credential ends, in milliseconds since 1970 by the wall clock. */
  readonly expiresAt: number
}

/** The agent that calls. A key and a developer in dev mode are none: they have no lease, inbox or receipt of their own. */
export function requireAgent(principal: Principal): NonNullable<Principal['agent']> {
  if (!principal.agent)
    throw new CoordinationError('FORBIDDEN', 'only a registered agent can do this: register, then call with its token')
  return principal.agent
}

/** Id of the agent that calls, for the record of who did what; null for a key and for a developer in dev mode. */
export const actorOf = (principal: Principal): string | null => principal.agent?.id ?? null

/** Whether a caller sees everyone's messages, or only those it sent or received. */
export const seesAllMessages = ({ role }: Principal): boolean => role === 'tech-lead' || role === 'admin'

/**
 * Whether a caller may do something: by its role, and with a key also by the scopes of the key. Registering agents is a
 * matter of the scope alone, so that an enrolment token need not have the role of a tech lead.
 */
export function isAllowed({ role, key }: Principal, permission: Permission): boolean {
  if (!key || permission === 'auth:self') return policy[role].has(permission)
  if (permission === 'agents:register' && key.scopes.has(permission)) return true
  return policy[role].has(permission) && (key.scopes.has(permission) || key.scopes.has('*'))
}
