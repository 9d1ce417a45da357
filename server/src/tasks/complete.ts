import type { taskCompleteInput } from '@tony/mcp-shared/leases'
import type { taskMoved } from '@tony/mcp-shared/task-changes'
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { endLease, findTask, type LeaseParams, offer, ofLease, refuseLease } from '../leases/lease.ts'
import { outOfQueue, waitTimeout } from '../leases/waiting.ts'
import { type Principal, requireAgent } from '../principal.ts'
import { isAnyOf } from '../store/literals.ts'
import { type Query, statement, type Transaction } from '../store/store.ts'
import { movableFrom } from './moves.ts'
import { statusOf, type TaskRow } from './present.ts'

interface Completing extends LeaseParams {
  result: string | null
  now: number
}

const complete = statement(({ db, t, p }: Query<Completing>) =>
  db
    .update(t.tasks)
    .set({
      ...outOfQueue,
      status: 'completed',
      leaseExpiresAt: null,
      result: p.result,
      completedAt: p.now,
      revision: sql`${t.tasks.revision} + 1`,
    })
    .where(and(ofLease({ t, p }), isAnyOf(t.tasks.status, movableFrom('complete'))))
    .returning({
      id: t.tasks.id,
      status: t.tasks.status,
      revision: t.tasks.revision,
      attempt: t.tasks.attempt,
      agentId: t.tasks.agentId,
      epic: t.tasks.epic,
      projectId: t.tasks.projectId,
      heldLocks: t.tasks.heldLocks,
    })
    .prepare(),
)

const settleDependents = statement(({ db, t, p }: Query<{ taskId: string; now: number }>) => {
  const unblocks = sql`${t.tasks.status} = 'blocked' and ${t.tasks.openDeps} = 1`
  return db
    .update(t.tasks)
    .set({
      openDeps: sql`${t.tasks.openDeps} - 1`,
      status: sql`case when ${unblocks} then 'pending' else ${t.tasks.status} end`,
      ready: sql`case when ${unblocks} and coalesce(${t.tasks.notBefore}, 0) <= ${p.now} then ${t.tasks.routeId} else ${t.tasks.ready} end`,
      readyAt: sql`case when ${unblocks} then ${p.now} else ${t.tasks.readyAt} end`,
      timeoutAt: sql`case when ${unblocks} then ${waitTimeout(t, p.now)} else ${t.tasks.timeoutAt} end`,
      revision: sql`case when ${unblocks} then ${t.tasks.revision} + 1 else ${t.tasks.revision} end`,
    })
    .where(
      inArray(
        t.tasks.id,
        db
          .select({ id: t.taskDependencies.taskId })
          .from(t.taskDependencies)
          .where(eq(t.taskDependencies.dependsOnId, p.taskId)),
      ),
    )
    .returning()
    .prepare()
})

/** Counts a completed task off those that wait for it; the last one makes them claimable. */
export async function unblockDependents(tx: Transaction, taskId: string, actor: string | null): Promise<void> {
  const dependents = await tx.run(settleDependents, { taskId, now: tx.now })
  for (const row of dependents) {
    if (row.openDeps > 0 || row.status !== 'pending') continue
    tx.append({ type: 'task.unblocked', subject: row.id, actor, taskId: row.id, epic: row.epic, data: { by: taskId } })
    if (row.ready !== null) offer(tx, row)
  }
}

/** Completes the lease of `input`, once: the same call again, its reply lost, finds the work done and says so. */
export async function completeIn(
  tx: Transaction,
  principal: Principal,
  input: z.output<typeof taskCompleteInput>,
): Promise<Pick<TaskRow, 'id' | 'status' | 'revision'>> {
  const agentId = requireAgent(principal).id
  const { project } = principal
  const { taskId, leaseToken } = input
  const result = input.result === undefined ? null : JSON.stringify(input.result)
  const [row] = await tx.run(complete, { project, taskId, leaseToken, agentId, result, now: tx.now })
  if (!row) {
    const [known] = await tx.run(findTask, { project, taskId })
    if (known?.status === 'completed' && known.leaseToken === leaseToken && known.agentId === agentId) return known
    return refuseLease(tx, project, taskId)
  }
  tx.append({
    type: 'task.completed',
    subject: row.id,
    actor: agentId,
    taskId: row.id,
    epic: row.epic,
    data: { attempt: row.attempt, agentId },
  })
  await endLease(tx, row)
  await unblockDependents(tx, row.id, agentId)
  return row
}

/** `tasks.complete`. */
export const completeTask = (
  ctx: Context,
  input: z.output<typeof taskCompleteInput>,
): Promise<z.output<typeof taskMoved>> =>
  ctx.transact(async (tx) => {
    const row = await completeIn(tx, ctx.principal, input)
    return { taskId: row.id, status: statusOf(row), revision: row.revision }
  })
