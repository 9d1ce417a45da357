import { CoordinationError } from '@tony/mcp-shared/errors'
import { policy } from '@tony/mcp-shared/policy'
import { agentRole } from '@tony/mcp-shared/roles'
import { and, eq, isNull, ne, sql } from 'drizzle-orm'
import { requireRegisteredAgent } from '../../domain/agents/lookup.ts'
import { isLive, leaseCountSql, type PresenceSource } from '../../domain/agents/status.ts'
import type { Principal } from '../../domain/principal.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

const findAvailableAgents = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({
      id: t.agents.id,
      projectId: t.agents.projectId,
      role: t.agents.role,
      capabilities: t.agents.capabilities,
      lastActivity: t.agents.lastActivity,
    })
    .from(t.agents)
    .innerJoin(t.projects, eq(t.projects.id, t.agents.projectId))
    .where(
      and(
        eq(t.agents.projectId, p.project),
        ne(t.agents.status, 'unregistered'),
        isNull(t.agents.pausedAt),
        isNull(t.agents.drainingAt),
        isNull(t.projects.pausedAt),
      ),
    )
    .orderBy(t.agents.name)
    .prepare(),
)

const measureLoad = statement(({ db, t, p }: StatementParts<{ agentId: string }>) => {
  const waitingRequests = db
    .select({ requests: sql`count(*)` })
    .from(t.requests)
    .where(and(eq(t.requests.toAgent, t.agents.id), equalsLiteral(t.requests.status, 'waiting')))
  return db
    .select({ load: sql<number>`${leaseCountSql({ db, t })} + ${waitingRequests}` })
    .from(t.agents)
    .where(eq(t.agents.id, p.agentId))
    .prepare()
})

interface TargetQuery {
  readonly method: string
  readonly target: string | undefined
}

/**
 * Returns the id of the agent for a request. Without a target it is the agent with the fewest
 * leases and requests, and then the first by name, among the live agents that get new work, have
 * the capability and may reply. It is never the caller, who would wait for its own reply.
 */
export async function chooseRequestTarget(
  tx: Transaction,
  source: PresenceSource,
  { project, agent }: Principal,
  { method, target }: TargetQuery,
): Promise<string> {
  if (target !== undefined) return requireRegisteredAgent(tx, project, target)
  let least: { readonly id: string; readonly load: number } | undefined
  for (const row of await tx.run(findAvailableAgents, { project })) {
    const capabilities: readonly string[] = JSON.parse(row.capabilities)
    if (row.id === agent?.id || !capabilities.includes(method) || !isLive(source, row, tx.now)) continue
    if (!policy[agentRole.parse(row.role)].has('requests:write')) continue
    const [measured] = await tx.run(measureLoad, { agentId: row.id })
    const load = measured?.load ?? 0
    if (!least || load < least.load) least = { id: row.id, load }
  }
  if (!least) throw new CoordinationError('NO_AGENTS_AVAILABLE', `No agents available for method: ${method}`)
  return least.id
}
