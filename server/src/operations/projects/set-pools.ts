import type { projectSetPoolsInput } from '@tony/mcp-shared/projects'
import { and, eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { countFreeSlots } from '../../domain/tasks/locks.ts'
import { unparkFirstTasks } from '../../domain/tasks/parking.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { type ProjectDetail, projectDetailOf } from './get.ts'

interface PoolKey {
  project: string
  name: string
}

const upsertPool = statement(({ db, t, p }: StatementParts<PoolKey & { size: number }>) =>
  db
    .insert(t.pools)
    .values({ projectId: p.project, name: p.name, size: p.size })
    .onConflictDoUpdate({
      target: [t.pools.projectId, t.pools.name],
      set: { size: sql`excluded.size` },
      setWhere: sql`${t.pools.size} <> excluded.size`,
    })
    .returning({ name: t.pools.name })
    .prepare(),
)

const deletePool = statement(({ db, t, p }: StatementParts<PoolKey>) =>
  db
    .delete(t.pools)
    .where(and(eq(t.pools.projectId, p.project), eq(t.pools.name, p.name)))
    .returning({ name: t.pools.name })
    .prepare(),
)

/**
 * Sets the size of a pool, or deletes it. Returns true if that changed anything. Tasks that wait
 * for the pool are unparked into its new free slots.
 */
async function setPoolSize(tx: Transaction, project: string, name: string, size: number | null): Promise<boolean> {
  const changed =
    size === null ? await tx.run(deletePool, { project, name }) : await tx.run(upsertPool, { project, name, size })
  if (changed.length === 0) return false
  const lock = `pool:${name}`
  const slots = await countFreeSlots(tx, project, lock)
  if (slots > 0) await unparkFirstTasks(tx, project, lock, slots)
  return true
}

/** `projects.setPools`: tasks that hold more slots than the new size keep them. */
export const setPools = (ctx: Context, input: z.output<typeof projectSetPoolsInput>): Promise<ProjectDetail> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    await tx.exclusive('locks')
    const pools: Record<string, number | null> = {}
    for (const [name, size] of Object.entries(input.pools))
      if (await setPoolSize(tx, project, name, size)) pools[name] = size
    if (Object.keys(pools).length > 0)
      tx.append({ type: 'project.updated', subject: project, actor: actorOf(ctx.principal), data: { pools } })
    return projectDetailOf(tx, project)
  })
