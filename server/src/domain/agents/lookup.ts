import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, or } from 'drizzle-orm'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'

/**
 * Reads only the columns that tell the agent and whether it has left, because every send runs it.
 */
const findAgent = statement(({ db, t, p }: StatementParts<{ project: string; agent: string }>) =>
  db
    .select({ id: t.agents.id, status: t.agents.status })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), or(eq(t.agents.id, p.agent), eq(t.agents.name, p.agent))))
    .prepare(),
)

export const agentNotFoundError = (agent: string) => new CoordinationError('NOT_FOUND', `Agent ${agent} not found`)

/** Returns the id of an agent by its id or name, even if it has left. Throws NOT_FOUND. */
export async function requireKnownAgent(reader: Reader, project: string, agent: string): Promise<string> {
  const [found] = await reader.run(findAgent, { project, agent })
  if (!found) throw agentNotFoundError(agent)
  return found.id
}

/** Returns the id of a registered agent by its id or name. Throws NOT_FOUND if it has left. */
export async function requireRegisteredAgent(reader: Reader, project: string, agent: string): Promise<string> {
  const [found] = await reader.run(findAgent, { project, agent })
  if (!found || found.status === 'unregistered') throw agentNotFoundError(agent)
  return found.id
}

/** True if the agent with this id or name exists and has not left. */
export async function isRegistered(reader: Reader, project: string, agent: string): Promise<boolean> {
  const [found] = await reader.run(findAgent, { project, agent })
  return found !== undefined && found.status !== 'unregistered'
}
