import type { taskCancelInput, taskTransitionOutput } from '@tony/mcp-shared/task-changes'
import { and, eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf, type Principal } from '../../domain/principal.ts'
import { failDependents } from '../../domain/tasks/dependents.ts'
import { settleEndedLease } from '../../domain/tasks/lease.ts'
import { dequeueColumns } from '../../domain/tasks/queue-columns.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { requestWake } from '../../domain/wakes/request-wake.ts'
import { equalsLiteral, inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { taskStatusOf } from './serialize.ts'
import { fromStatuses, refuseTransition } from './transitions.ts'

const markCancelled = statement(
  ({ db, t, p }: StatementParts<{ project: string; taskId: string; reason: string | null; now: number }>) =>
    db
      .update(t.tasks)
      .set({
        ...dequeueColumns,
        status: 'cancelled',
        leaseToken: null,
        leaseExpiresAt: null,
        inputRequest: null,
        error: p.reason,
        completedAt: p.now,
        revision: sql`${t.tasks.revision} + 1`,
      })
      .where(
        and(
          eq(t.tasks.id, p.taskId),
          eq(t.tasks.projectId, p.project),
          inLiterals(t.tasks.status, fromStatuses('cancel')),
        ),
      )
      .returning()
      .prepare(),
)

/** The agent with the lease. After the end of a lease the task still names its last holder. */
const findHolder = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string }>) =>
  db
    .select({ agentId: t.tasks.agentId })
    .from(t.tasks)
    .where(
      and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project), equalsLiteral(t.tasks.status, 'in_progress')),
    )
    .prepare(),
)

async function wakeHolder(tx: Transaction, task: TaskRow, agentId: string | null, fromAgent: string | null) {
  const { projectId: project, id, attempt } = task
  if (agentId === null || agentId === fromAgent) return
  await requestWake(tx, { project, agentId, reason: 'cancel', subject: id, attempt, fromAgent, taskId: id })
}

/**
 * Cancels one task and notifies its holder. Returns undefined if the task has ended. The caller
 * must fail its dependents.
 */
export async function cancelIn(
  tx: Transaction,
  principal: Principal,
  { taskId, reason }: { readonly taskId: string; readonly reason: string | undefined },
): Promise<TaskRow | undefined> {
  const { project } = principal
  const [holder] = await tx.run(findHolder, { project, taskId })
  const [row] = await tx.run(markCancelled, { project, taskId, reason: reason ?? null, now: tx.now })
  if (!row) return undefined
  const data = { attempt: row.attempt, agentId: row.agentId, reason: reason ?? null }
  tx.append({ type: 'task.cancelled', subject: taskId, actor: actorOf(principal), taskId, epic: row.epic, data })
  await settleEndedLease(tx, row)
  await wakeHolder(tx, row, holder?.agentId ?? null, actorOf(principal))
  return row
}

/**
 * `tasks.cancel`: no `complete` succeeds after its reply. The holder gets a notification at once
 * and the status with its next heartbeat.
 */
export const cancelTask = (
  ctx: Context,
  { taskId, reason }: z.output<typeof taskCancelInput>,
): Promise<z.output<typeof taskTransitionOutput>> =>
  ctx.transact(async (tx) => {
    const row = await cancelIn(tx, ctx.principal, { taskId, reason })
    if (!row) return refuseTransition(tx, { project: ctx.principal.project, taskId, outcome: 'cancelled' })
    await failDependents(tx, [row], actorOf(ctx.principal))
    return { taskId, status: taskStatusOf(row), revision: row.revision }
  })
