import type { taskNextInput, taskNextOutput } from '@tony/mcp-shared/leases'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import type { Transaction } from '../store/store.ts'
import { type Claimed, claimFully, claimIn, replayClaim, waitForWork } from './claim.ts'
import { completeIn } from './complete.ts'

/** `tasks.next`: completes one lease and claims the next task in one transaction: half the round trips of a worker. */
export async function nextTask(
  ctx: Context,
  input: z.output<typeof taskNextInput>,
): Promise<z.output<typeof taskNextOutput>> {
  const claim = (tx: Transaction): Promise<Claimed> => claimIn(tx, ctx, { limit: 1, leaseMs: input.leaseMs })
  const completeAndClaim = async (tx: Transaction): Promise<Claimed> => {
    await completeIn(tx, ctx.principal, input.completed)
    return claim(tx)
  }
  let work = completeAndClaim
  const first = await claimFully(ctx, () => {
    const now = work
    work = claim
    return ctx.transact(now, replayClaim)
  })
  if (first.tasks.length > 0 || first.replayed || input.waitMs === 0) return { tasks: first.tasks }
  const { tasks } = await waitForWork(ctx, input.waitMs, () => ctx.transact(claim, replayClaim))
  return { tasks }
}
