import type { CoordinationError } from '@tony/mcp-shared/errors'
import type { taskNextInput, taskNextOutput } from '@tony/mcp-shared/leases'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { leaseSerialKeyOf } from '../../domain/tasks/lease.ts'
import type { Transaction } from '../../store/store.ts'
import { type ClaimResult, claimIn, claimKeysOf, claimPastParked, claimReplyCodec, waitForWork } from './claim.ts'
import { completeIn } from './complete.ts'

/**
 * The result of the first transaction. A refusal is thrown after its commit, which stores the late
 * result.
 */
interface NextResult extends ClaimResult {
  readonly refused?: CoordinationError
}

/**
 * `tasks.next`: completes one lease and claims the next task in one transaction, which halves the
 * round trips of a worker.
 */
export async function nextTask(
  ctx: Context,
  input: z.output<typeof taskNextInput>,
): Promise<z.output<typeof taskNextOutput>> {
  const claim = (tx: Transaction): Promise<ClaimResult> => claimIn(tx, ctx, { limit: 1, leaseMs: input.leaseMs })
  const serialKeys = claimKeysOf(ctx.principal)
  const options = { replay: claimReplyCodec, serialKeys: [...serialKeys, leaseSerialKeyOf(input.completed.taskId)] }
  const first = await ctx.transactLargeReply<NextResult>(async (tx) => {
    const completion = await completeIn(tx, ctx, input.completed)
    return 'refused' in completion ? { tasks: [], refused: completion.refused } : claim(tx)
  }, options)
  if (first.refused) throw first.refused
  if (first.tasks.length > 0 || first.replayed || (input.waitMs === 0 && !first.more)) return { tasks: first.tasks }
  const claimAgain = () => ctx.transactLargeReply(claim, { replay: claimReplyCodec, serialKeys })
  const { tasks } =
    input.waitMs === 0 ? await claimPastParked(ctx, claimAgain) : await waitForWork(ctx, input.waitMs, claimAgain)
  return { tasks }
}
