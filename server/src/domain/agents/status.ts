import type { agentStatus } from '@tony/mcp-shared/agents'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { refersTo } from '../../store/references.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import type { StatementParts } from '../../store/store.ts'
import type { Services } from '../context.ts'

export type AgentStatus = z.output<typeof agentStatus>

/** The services that decide an agent's status. */
export type PresenceSource = Pick<Services, 'presence' | 'config'>

interface ActivityRow {
  readonly id: string
  readonly projectId: string
  readonly lastActivity: number
}

/** Last activity: the stored value or this process's newer in-memory value. */
export const lastActivityOf = ({ presence }: PresenceSource, row: ActivityRow): number =>
  Math.max(row.lastActivity, presence.unwrittenActivityOf(row.projectId, row.id) ?? 0)

export const isLive = (source: PresenceSource, row: ActivityRow, now: number): boolean =>
  now - lastActivityOf(source, row) < source.config.agentTimeoutMs

/** Derives an agent's status from its last activity, its drain and its leases. */
export function agentStatusOf(
  source: PresenceSource,
  row: ActivityRow & { readonly drainingAt: number | null },
  { leases, now }: { readonly leases: number; readonly now: number },
): AgentStatus {
  if (!isLive(source, row, now)) return 'offline'
  if (row.drainingAt !== null) return 'draining'
  return leases > 0 ? 'active' : 'idle'
}

/** The number of an agent's leases, as a column for a query of agents. */
export const leaseCountSql = ({ db, t }: Pick<StatementParts<object>, 'db' | 't'>) =>
  sql<number>`${db
    .select({ leases: sql`count(*)` })
    .from(t.tasks)
    .where(sql`${refersTo(t.tasks.agentId, t.agents.id)} and ${equalsLiteral(t.tasks.status, 'in_progress')}`)}`
