import { and, eq, sql } from 'drizzle-orm'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'

const countHeldSlots = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({ name: t.pools.name, size: t.pools.size, held: sql<number>`count(${t.locks.taskId})` })
    .from(t.pools)
    .leftJoin(t.locks, and(eq(t.locks.projectId, t.pools.projectId), eq(t.locks.lock, sql`'pool:' || ${t.pools.name}`)))
    .where(eq(t.pools.projectId, p.project))
    .groupBy(t.pools.name, t.pools.size)
    .prepare(),
)

/** Returns the pools of a project by name: their sizes and the numbers of slots in use. */
export async function poolsOf(
  reader: Reader,
  project: string,
): Promise<Record<string, { size: number; held: number }>> {
  const rows = await reader.run(countHeldSlots, { project })
  return Object.fromEntries(rows.map(({ name, size, held }) => [name, { size, held }]))
}
