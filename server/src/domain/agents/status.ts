import type { agentStatus } from '@tony/mcp-shared/agents'
import { eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { isWord } from '../../store/sql-literals.ts'
import type { Query } from '../../store/store.ts'
import type { Parts } from '../context.ts'

export type AgentStatus = z.output<typeof agentStatus>

/** What of the server's parts tells who is there. */
export type Watching = Pick<Parts, 'presence' | 'config'>

interface Seen {
  readonly id: string
  readonly projectId: string
  readonly lastActivity: number
}

/** When an agent last gave a sign of life: as written, or as this process has heard since. */
export const lastActivityOf = ({ presence }: Watching, row: Seen): number =>
  Math.max(row.lastActivity, presence.lastSeen(row.projectId, row.id) ?? 0)

export const isLive = (watching: Watching, row: Seen, now: number): boolean =>
  now - lastActivityOf(watching, row) < watching.config.agentTimeoutMs

/** An agent's status is read off its signs of life and its leases. */
export function statusOf(
  watching: Watching,
  row: Seen & { readonly drainingAt: number | null },
  { leases, now }: { readonly leases: number; readonly now: number },
): AgentStatus {
  if (!isLive(watching, row, now)) return 'offline'
  if (row.drainingAt !== null) return 'draining'
  return leases > 0 ? 'active' : 'idle'
}

/** How many leases an agent holds, as a column of a query of agents. */
export const heldLeases = ({ db, t }: Pick<Query<object>, 'db' | 't'>) =>
  sql<number>`${db
    .select({ leases: sql`count(*)` })
    .from(t.tasks)
    .where(sql`${eq(t.tasks.agentId, t.agents.id)} and ${isWord(t.tasks.status, 'in_progress')}`)}`
