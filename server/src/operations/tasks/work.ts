import type { taskWorkInput } from '@tony/mcp-shared/leases'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type ItemChunk, toSubscriptionItem } from '../../domain/feed/item.ts'
import { requireAgent } from '../../domain/principal.ts'
import type { ClaimWaitHandle } from '../../domain/tasks/claim-waiters.ts'
import { Notifier } from '../../platform/notifier.ts'
import { claimIn, claimKeysOf, claimPastParked } from './claim.ts'
import type { LeasedTask } from './serialize.ts'

/**
 * `tasks.work`: claims as a subscription. It sends tasks as they become claimable, with at most
 * `slots` unfinished at a time.
 */
export async function* workTasks(
  ctx: Context,
  input: z.output<typeof taskWorkInput>,
): AsyncGenerator<ItemChunk<LeasedTask>> {
  const agentId = requireAgent(ctx.principal).id
  const notifier = new Notifier()
  const heldTasks = new Map<string, number>()
  const unsubscribe = ctx.waiters.leaseEnds.onEnd(agentId, ({ taskId, attempt }) => {
    if (heldTasks.get(taskId) === attempt) heldTasks.delete(taskId)
    notifier.notify()
  })
  ctx.signal.addEventListener('abort', notifier.notify, { once: true })
  // In the queue only while a slot is free: a notification for a busy subscription would not reach
  // an idle one.
  let position: ClaimWaitHandle | undefined
  try {
    while (!ctx.signal.aborted) {
      const free = Math.min(input.slots - heldTasks.size, 32)
      if (free > 0) {
        position ??= ctx.waiters.claims.enter({ project: ctx.principal.project, agentId }, notifier.notify)
        position.beforeAttempt()
        const options = { limit: free, leaseMs: input.leaseMs }
        const { tasks, claimantState } = await claimPastParked(ctx, () =>
          ctx.transact((tx) => claimIn(tx, ctx, options), { serialKeys: claimKeysOf(ctx.principal) }),
        )
        if (claimantState) position.afterAttempt(claimantState)
        for (const task of tasks) heldTasks.set(task.id, task.attempt)
        if (tasks.length > 0) yield tasks.map((task) => toSubscriptionItem(task))
        if (tasks.length > 0) continue
      } else {
        position?.leave()
        position = undefined
      }
      await notifier.wait()
    }
  } finally {
    unsubscribe()
    position?.leave()
    ctx.signal.removeEventListener('abort', notifier.notify)
  }
}
