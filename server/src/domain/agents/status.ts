import type { agentStatus } from '@tony/mcp-shared/agents'
import { eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { equalsLiteral } from '../../store/sql-literals.ts'
import type { Query } from '../../store/store.ts'
import type { Services } from '../context.ts'

export type AgentStatus = z.output<typeof agentStatus>

/** What of the server's parts tells who is there. */
export type PresenceSource = Pick<Services, 'presence' | 'config'>

interface ActivityRow {
  readonly id: string
  readonly projectId: string
  readonly lastActivity: number
}

/** When an agent last gave a sign of life: as written, or as this process has heard since. */
export const lastActivityOf = ({ presence }: PresenceSource, row: ActivityRow): number =>
  Math.max(row.lastActivity, presence.lastSeen(row.projectId, row.id) ?? 0)

export const isLive = (source: PresenceSource, row: ActivityRow, now: number): boolean =>
  now - lastActivityOf(source, row) < source.config.agentTimeoutMs

/** An agent's status is read off its signs of life and its leases. */
export function statusOf(
  source: PresenceSource,
  row: ActivityRow & { readonly drainingAt: number | null },
  { leases, now }: { readonly leases: number; readonly now: number },
): AgentStatus {
  if (!isLive(source, row, now)) return 'offline'
  if (row.drainingAt !== null) return 'draining'
  return leases > 0 ? 'active' : 'idle'
}

/** How many leases an agent holds, as a column of a query of agents. */
export const leaseCount = ({ db, t }: Pick<Query<object>, 'db' | 't'>) =>
  sql<number>`${db
    .select({ leases: sql`count(*)` })
    .from(t.tasks)
    .where(sql`${eq(t.tasks.agentId, t.agents.id)} and ${equalsLiteral(t.tasks.status, 'in_progress')}`)}`
