import type { taskReleaseInput, taskReleaseOutput } from '@tony/mcp-shared/leases'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { refuseLease } from '../../domain/tasks/lease.ts'
import { releaseLease } from '../../domain/tasks/release-lease.ts'
import { taskStatusOf } from './serialize.ts'

/** `tasks.release`: returns the task to the queue without a failure. */
export function releaseTask(
  ctx: Context,
  input: z.output<typeof taskReleaseInput>,
): Promise<z.output<typeof taskReleaseOutput>> {
  const { project } = ctx.principal
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const row = await releaseLease(tx, { project, agentId, taskId: input.taskId, leaseToken: input.leaseToken })
    if (!row) return refuseLease(tx, project, input.taskId)
    return { taskId: row.id, status: taskStatusOf(row) }
  })
}
