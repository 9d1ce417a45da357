import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, or } from 'drizzle-orm'
import { type Query, type Reader, statement } from '../../store/store.ts'

/** No more of the row than says which agent it is and whether it has left: a send asks this each time. */
const find = statement(({ db, t, p }: Query<{ project: string; agent: string }>) =>
  db
    .select({ id: t.agents.id, status: t.agents.status })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), or(eq(t.agents.id, p.agent), eq(t.agents.name, p.agent))))
    .prepare(),
)

export const agentNotFound = (agent: string) => new CoordinationError('NOT_FOUND', `Agent ${agent} not found`)

/** An agent of the project by its id or name, whether or not it has left. */
export async function requireKnownAgent(reader: Reader, project: string, agent: string): Promise<string> {
  const [found] = await reader.run(find, { project, agent })
  if (!found) throw agentNotFound(agent)
  return found.id
}

/** One that has not left, by its id or name. */
export async function requireRegisteredAgent(reader: Reader, project: string, agent: string): Promise<string> {
  const [found] = await reader.run(find, { project, agent })
  if (!found || found.status === 'unregistered') throw agentNotFound(agent)
  return found.id
}

/** Whether an agent, by its id, has not left. */
export async function isRegistered(reader: Reader, project: string, agent: string): Promise<boolean> {
  const [found] = await reader.run(find, { project, agent })
  return found !== undefined && found.status !== 'unregistered'
}
