import { CoordinationError } from '@tony/mcp-shared/errors'
import { topic } from '@tony/mcp-shared/messages'
import { and, eq, ne } from 'drizzle-orm'
import { requireRegisteredAgent } from '../../domain/agents/lookup.ts'
import type { Principal } from '../../domain/principal.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

const findRegisteredAgents = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({ id: t.agents.id, role: t.agents.role })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), ne(t.agents.status, 'unregistered')))
    .orderBy(t.agents.id)
    .prepare(),
)

const findSubscribers = statement(({ db, t, p }: StatementParts<{ project: string; topic: string }>) =>
  db
    .select({ id: t.agents.id })
    .from(t.subscriptions)
    .innerJoin(t.agents, eq(t.agents.id, t.subscriptions.agentId))
    .where(
      and(
        eq(t.subscriptions.projectId, p.project),
        eq(t.subscriptions.topic, p.topic),
        ne(t.agents.status, 'unregistered'),
      ),
    )
    .orderBy(t.subscriptions.agentId)
    .prepare(),
)

async function subscribersOf(tx: Transaction, project: string, name: string) {
  const parsed = topic.safeParse(name)
  if (parsed.success) return tx.run(findSubscribers, { project, topic: parsed.data })
  throw new CoordinationError('INVALID_INPUT', `to: a topic ${parsed.error.issues[0]?.message ?? 'is not valid'}`)
}

async function agentsOfRole(tx: Transaction, project: string, role: string | undefined) {
  const all = await tx.run(findRegisteredAgents, { project })
  return role === undefined ? all : all.filter((agent) => agent.role === role)
}

/** True if an address names several inboxes. */
export const isFanOut = (to: string): boolean => to === '*' || to.startsWith('role:') || to.startsWith('topic:')

/**
 * Returns the recipients of a message: the agents that match at the commit, all or none. A fan-out
 * excludes its sender.
 */
export async function recipientsOf(tx: Transaction, { project, agent }: Principal, to: string): Promise<string[]> {
  if (!isFanOut(to)) return [await requireRegisteredAgent(tx, project, to)]
  const found = to.startsWith('topic:')
    ? await subscribersOf(tx, project, to.slice('topic:'.length))
    : await agentsOfRole(tx, project, to === '*' ? undefined : to.slice('role:'.length))
  return found.map(({ id }) => id).filter((id) => id !== agent?.id)
}
