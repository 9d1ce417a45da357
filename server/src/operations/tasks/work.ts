import type { taskWorkInput } from '@tony/mcp-shared/leases'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type Chunk, item } from '../../domain/feed/item.ts'
import { requireAgent } from '../../domain/principal.ts'
import type { Place } from '../../domain/tasks/claim-queue.ts'
import { Bell } from '../../platform/notifier.ts'
import { claimFully, claimIn } from './claim.ts'
import type { LeasedTask } from './serialize.ts'

/** `tasks.work`: claims as a subscription. Hands out tasks as they become claimable, at most `slots` unfinished at a time. */
export async function* workTasks(
  ctx: Context,
  input: z.output<typeof taskWorkInput>,
): AsyncGenerator<Chunk<LeasedTask>> {
  const agentId = requireAgent(ctx.principal).id
  const bell = new Bell()
  const held = new Map<string, number>()
  const forget = ctx.held.onEnd(agentId, ({ taskId, attempt }) => {
    if (held.get(taskId) === attempt) held.delete(taskId)
    bell.ring()
  })
  ctx.signal.addEventListener('abort', bell.ring, { once: true })
  // In line only while there is a free slot: a wake given to a busy subscription would be kept from an idle one.
  let place: Place | undefined
  try {
    while (!ctx.signal.aborted) {
      const free = Math.min(input.slots - held.size, 32)
      if (free > 0) {
        place ??= ctx.queue.enter({ project: ctx.principal.project, agentId }, bell.ring)
        place.trying()
        const wanted = { limit: free, leaseMs: input.leaseMs }
        const { tasks, standing } = await claimFully(ctx, () => ctx.transact((tx) => claimIn(tx, ctx, wanted)))
        if (standing) place.tried(standing)
        for (const task of tasks) held.set(task.id, task.attempt)
        if (tasks.length > 0) yield tasks.map((task) => item(task))
        if (tasks.length > 0) continue
      } else {
        place?.leave()
        place = undefined
      }
      await bell.rung()
    }
  } finally {
    forget()
    place?.leave()
    ctx.signal.removeEventListener('abort', bell.ring)
  }
}
