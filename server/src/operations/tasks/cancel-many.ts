import type { taskBulkOutput, taskCancelManyInput } from '@tony/mcp-shared/task-changes'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { failDependents } from '../../domain/tasks/dependents.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { cancelIn } from './cancel.ts'
import { findTaskIds } from './filter.ts'

/** `tasks.cancelMany`: cancels tasks in one transaction. */
export const cancelManyTasks = (
  ctx: Context,
  { filter, limit, reason }: z.output<typeof taskCancelManyInput>,
): Promise<z.output<typeof taskBulkOutput>> =>
  ctx.transact(async (tx) => {
    const found = await findTaskIds(tx, 'cancel', { project: ctx.principal.project, filter, limit: limit + 1 })
    const cancelled: TaskRow[] = []
    for (const taskId of found.slice(0, limit)) {
      const row = await cancelIn(tx, ctx.principal, { taskId, reason })
      if (row) cancelled.push(row)
    }
    // After all cancellations: a task that depends on another of them is then cancelled too, not
    // failed.
    await failDependents(tx, cancelled, actorOf(ctx.principal))
    return { taskIds: cancelled.map(({ id }) => id), more: found.length > limit }
  })
