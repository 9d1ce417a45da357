import type { taskRetryInput, taskTransitionOutput } from '@tony/mcp-shared/task-changes'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf, type Principal } from '../../domain/principal.ts'
import { blockDependents } from '../../domain/tasks/dependents.ts'
import { notifyClaimable } from '../../domain/tasks/lease.ts'
import { reopenColumns } from '../../domain/tasks/queue-columns.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { taskStatusOf } from './serialize.ts'
import { fromStatuses, refuseTransition } from './transitions.ts'

const reopenTask = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string; now: number }>) =>
  db
    .update(t.tasks)
    .set(reopenColumns(t, p.now))
    .where(
      and(
        eq(t.tasks.id, p.taskId),
        eq(t.tasks.projectId, p.project),
        inLiterals(t.tasks.status, fromStatuses('retry')),
      ),
    )
    .returning()
    .prepare(),
)

/** Gives one task all its attempts again. Returns undefined if it has not failed. */
export async function retryIn(tx: Transaction, principal: Principal, taskId: string): Promise<TaskRow | undefined> {
  const [row] = await tx.run(reopenTask, { project: principal.project, taskId, now: tx.now })
  if (!row) return undefined
  const actor = actorOf(principal)
  tx.append({
    type: 'task.reopened',
    subject: taskId,
    actor,
    taskId,
    epic: row.epic,
    data: { attempt: row.attempt, status: row.status },
  })
  if (row.ready !== null) notifyClaimable(tx, row)
  await blockDependents(tx, taskId, actor)
  return row
}

/**
 * `tasks.retry`: returns a task to the queue, where its dependencies still count. `attempt` keeps
 * growing, or an old token could become valid again.
 */
export const retryTask = (
  ctx: Context,
  { taskId }: z.output<typeof taskRetryInput>,
): Promise<z.output<typeof taskTransitionOutput>> =>
  ctx.transact(async (tx) => {
    const row = await retryIn(tx, ctx.principal, taskId)
    if (!row) return refuseTransition(tx, { project: ctx.principal.project, taskId, outcome: 'retried' })
    return { taskId, status: taskStatusOf(row), revision: row.revision }
  })
