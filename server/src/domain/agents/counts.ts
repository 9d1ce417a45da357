import { and, eq, ne } from 'drizzle-orm'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'
import { type AgentStatus, agentStatusOf, leaseCountSql, type PresenceSource } from './status.ts'

const findRegistered = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({
      id: t.agents.id,
      projectId: t.agents.projectId,
      name: t.agents.name,
      lastActivity: t.agents.lastActivity,
      drainingAt: t.agents.drainingAt,
      leases: leaseCountSql({ db, t }),
    })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), ne(t.agents.status, 'unregistered')))
    .orderBy(t.agents.name)
    .prepare(),
)

export interface FleetSummary {
  readonly total: number
  readonly byStatus: Record<AgentStatus, number>
  /** Sorted by name. */
  readonly agents: readonly { readonly id: string; readonly name: string }[]
}

/** The agents of a project and their numbers by status. */
export async function agentCountsOf(reader: Reader, source: PresenceSource, project: string): Promise<FleetSummary> {
  const agents = await reader.run(findRegistered, { project })
  const { now } = reader
  const statuses = agents.map((agent) => agentStatusOf(source, agent, { leases: agent.leases, now }))
  const of = (status: AgentStatus) => statuses.filter((one) => one === status).length
  const byStatus = { idle: of('idle'), active: of('active'), draining: of('draining'), offline: of('offline') }
  return { total: agents.length, byStatus, agents }
}
