import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Role } from '@tony/mcp-shared/roles'

/** Who is calling: an agent by its token, or a developer on the same machine in dev mode. */
export interface Principal {
  /** Stable name of the caller in idempotency keys and logs. */
  readonly subject: string
  /** Id of the project every row it touches belongs to. */
  readonly project: string
  readonly role: Role
  readonly capabilities: readonly string[]
  /** Absent for a developer in dev mode. */
  readonly agent: { readonly id: string; readonly name: string; readonly incarnation: number } | undefined
  /** When the credential ends, in milliseconds since 1970 by the wall clock. */
  readonly expiresAt: number
}

/** The agent that calls. A developer in dev mode is none: it has no lease, inbox or receipt of its own. */
export function requireAgent(principal: Principal): NonNullable<Principal['agent']> {
  if (!principal.agent)
    throw new CoordinationError('FORBIDDEN', 'only a registered agent can do this: register, then call with its token')
  return principal.agent
}

/** Id of the agent that calls, for the record of who did what; null for a developer in dev mode. */
export const actorOf = (principal: Principal): string | null => principal.agent?.id ?? null

/** Whether a caller sees everyone's messages, or only those it sent or received. */
export const seesAllMail = ({ role }: Principal): boolean => role === 'tech-lead' || role === 'admin'
