import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Principal } from './context.ts'

/** The agent that calls. A developer in dev mode is none: it has no lease, inbox or receipt of its own. */
export function requireAgent(principal: Principal): NonNullable<Principal['agent']> {
  if (!principal.agent)
    throw new CoordinationError('FORBIDDEN', 'only a registered agent can do this: register, then call with its token')
  return principal.agent
}

/** Id of the agent that calls, for the record of who did what; null for a developer in dev mode. */
export const actorOf = (principal: Principal): string | null => principal.agent?.id ?? null
