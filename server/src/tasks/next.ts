import type { taskNextInput, taskNextOutput } from '@tony/mcp-shared/tasks'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { claimIn, replayClaim, waitForWork } from './claim.ts'
import { completeIn } from './complete.ts'

/** `tasks.next`: completes one lease and claims the next task in one transaction: half the round trips of a worker. */
export async function nextTask(
  ctx: Context,
  input: z.output<typeof taskNextInput>,
): Promise<z.output<typeof taskNextOutput>> {
  const first = await ctx.transact(async (tx) => {
    await completeIn(tx, ctx.principal, input.completed)
    return { tasks: await claimIn(tx, ctx.principal, 1, input.leaseMs) }
  }, replayClaim)
  if (first.tasks.length > 0 || input.waitMs === 0) return first
  return waitForWork(ctx, input.waitMs, () =>
    ctx.transact(async (tx) => ({ tasks: await claimIn(tx, ctx.principal, 1, input.leaseMs) }), replayClaim),
  )
}
