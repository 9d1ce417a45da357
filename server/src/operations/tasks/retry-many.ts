import type { taskBulkOutput, taskRetryManyInput } from '@tony/mcp-shared/task-changes'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { findTaskIds } from './filter.ts'
import { retryIn } from './retry.ts'

/** `tasks.retryMany`: retries tasks in one transaction. */
export const retryManyTasks = (
  ctx: Context,
  { filter, limit }: z.output<typeof taskRetryManyInput>,
): Promise<z.output<typeof taskBulkOutput>> =>
  ctx.transact(async (tx) => {
    const found = await findTaskIds(tx, 'retry', { project: ctx.principal.project, filter, limit: limit + 1 })
    const taskIds: string[] = []
    for (const taskId of found.slice(0, limit)) if (await retryIn(tx, ctx.principal, taskId)) taskIds.push(taskId)
    return { taskIds, more: found.length > limit }
  })
