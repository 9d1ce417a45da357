import type { agent } from '@tony/mcp-shared/agents'
import { agentRole } from '@tony/mcp-shared/roles'
import { and, eq, or, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { agentNotFoundError } from '../../domain/agents/lookup.ts'
import { agentStatusOf, lastActivityOf } from '../../domain/agents/status.ts'
import type { Context } from '../../domain/context.ts'
import { iso } from '../../platform/times.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'

export type AgentRow = Tables['agents']['$inferSelect']
export type AgentOutput = z.output<typeof agent>

const findAgent = statement(({ db, t, p }: StatementParts<{ project: string; agent: string }>) =>
  db
    .select()
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), or(eq(t.agents.id, p.agent), eq(t.agents.name, p.agent))))
    .prepare(),
)

const countLeases = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .select({ leases: sql<number>`count(*)` })
    .from(t.tasks)
    .where(and(eq(t.tasks.agentId, p.agentId), equalsLiteral(t.tasks.status, 'in_progress')))
    .prepare(),
)

/** Returns the row of an agent by id or name. Agents of other projects fail like unknown ones. */
export async function requireAgentRow(reader: Reader, project: string, agent: string): Promise<AgentRow> {
  const [row] = await reader.run(findAgent, { project, agent })
  if (!row || row.status === 'unregistered') throw agentNotFoundError(agent)
  return row
}

/** Serializes an agent. Its status follows from its last activity and its leases. */
export async function toAgentOutput(ctx: Context, reader: Reader, row: AgentRow): Promise<AgentOutput> {
  const [counted] = await reader.run(countLeases, { agentId: row.id })
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    role: agentRole.parse(row.role),
    capabilities: JSON.parse(row.capabilities),
    status: agentStatusOf(ctx, row, { leases: counted?.leases ?? 0, now: reader.now }),
    paused: row.pausedAt !== null,
    incarnation: row.incarnation,
    registeredAt: iso(row.registeredAt),
    lastActivityAt: iso(lastActivityOf(ctx, row)),
    metadata: JSON.parse(row.metadata),
  }
}
