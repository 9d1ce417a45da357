import { CoordinationError } from '@tony/mcp-shared/errors'
import type { taskCancelInput, taskMoved } from '@tony/mcp-shared/task-changes'
import { and, eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { endLease, findTask, taskNotFound } from '../leases/lease.ts'
import { outOfQueue } from '../leases/waiting.ts'
import { actorOf } from '../principal.ts'
import { isAnyOf } from '../store/literals.ts'
import { type Query, statement } from '../store/store.ts'
import { movableFrom } from './moves.ts'
import { statusOf } from './present.ts'

const cancel = statement(
  ({ db, t, p }: Query<{ project: string; taskId: string; reason: string | null; now: number }>) =>
    db
      .update(t.tasks)
      .set({
        ...outOfQueue,
        status: 'cancelled',
        leaseToken: null,
        leaseExpiresAt: null,
        error: p.reason,
        completedAt: p.now,
        revision: sql`${t.tasks.revision} + 1`,
      })
      .where(
        and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project), isAnyOf(t.tasks.status, movableFrom('cancel'))),
      )
      .returning()
      .prepare(),
)

/** `tasks.cancel`: after its reply no `complete` succeeds. The holder hears of it at once and on its next heartbeat. */
export const cancelTask = (
  ctx: Context,
  input: z.output<typeof taskCancelInput>,
): Promise<z.output<typeof taskMoved>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { taskId } = input
    const [row] = await tx.run(cancel, { project, taskId, reason: input.reason ?? null, now: tx.now })
    if (!row) {
      const [known] = await tx.run(findTask, { project, taskId })
      if (!known) throw taskNotFound(taskId)
      throw new CoordinationError('ILLEGAL_TRANSITION', `task ${taskId} is ${known.status} and cannot be cancelled`, {
        status: known.status,
      })
    }
    const data = { attempt: row.attempt, agentId: row.agentId, reason: input.reason ?? null }
    tx.append({ type: 'task.cancelled', subject: taskId, actor: actorOf(ctx.principal), taskId, epic: row.epic, data })
    await endLease(tx, row)
    return { taskId, status: statusOf(row), revision: row.revision }
  })
