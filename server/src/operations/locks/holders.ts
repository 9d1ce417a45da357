import { and, eq, gt, inArray, sql } from 'drizzle-orm'
import { placeholder, type Reader, type StatementParts, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'

/** A held lock with the task and the agent that hold it. */
export interface HolderRow {
  readonly lock: string
  readonly taskId: string
  readonly title: string | null
  readonly agentId: string | null
  readonly since: number
  readonly leaseExpiresAt: number | null
}

const holderColumns = ({ locks, tasks }: Tables) => ({
  lock: locks.lock,
  taskId: locks.taskId,
  title: tasks.title,
  agentId: tasks.agentId,
  since: locks.since,
  leaseExpiresAt: tasks.leaseExpiresAt,
})

/** Finds the held keys and paths after a name. */
export const findExclusiveHolders = statement(
  ({ db, t, p }: StatementParts<{ project: string; after: string; limit: number }>) =>
    db
      .select(holderColumns(t))
      .from(t.locks)
      .innerJoin(t.tasks, eq(t.tasks.id, t.locks.taskId))
      .where(and(eq(t.locks.projectId, p.project), sql`${t.locks.exclusive} = 1`, gt(t.locks.lock, p.after)))
      .orderBy(t.locks.lock)
      .limit(placeholder('limit'))
      .prepare(),
)

/** Finds the holders of a pool's slots, longest first. */
export const findSlotHolders = statement(
  ({ db, t, p }: StatementParts<{ project: string; lock: string; limit: number }>) =>
    db
      .select(holderColumns(t))
      .from(t.locks)
      .innerJoin(t.tasks, eq(t.tasks.id, t.locks.taskId))
      .where(and(eq(t.locks.projectId, p.project), eq(t.locks.lock, p.lock)))
      .orderBy(t.locks.since, t.locks.taskId)
      .limit(placeholder('limit'))
      .prepare(),
)

const poolLimit = 200

/** Finds the pools of a project by name, each with the number of its slots in use. */
export const findPools = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({ name: t.pools.name, size: t.pools.size, held: sql<number>`count(${t.locks.taskId})` })
    .from(t.pools)
    .leftJoin(t.locks, and(eq(t.locks.projectId, t.pools.projectId), eq(t.locks.lock, sql`'pool:' || ${t.pools.name}`)))
    .where(eq(t.pools.projectId, p.project))
    .groupBy(t.pools.name, t.pools.size)
    .orderBy(t.pools.name)
    .limit(poolLimit)
    .prepare(),
)

/** Returns the names of the agents that hold these locks, by id. */
export async function namesOfAgents(
  { db, t: { agents } }: Reader,
  holders: readonly Pick<HolderRow, 'agentId'>[],
): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(holders.flatMap(({ agentId }) => agentId ?? []))]
  if (ids.length === 0) return new Map()
  const rows = await db.select({ id: agents.id, name: agents.name }).from(agents).where(inArray(agents.id, ids))
  return new Map(rows.map(({ id, name }) => [id, name]))
}
