import type { taskHoldInput, taskTransitionOutput, taskUnholdInput } from '@tony/mcp-shared/task-changes'
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { isQueuedSql } from '../../domain/tasks/eligibility.ts'
import { notifyClaimable } from '../../domain/tasks/lease.ts'
import { unblockedDeadlineSql } from '../../domain/tasks/queue-columns.ts'
import { iso } from '../../platform/times.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import { taskStatusOf } from './serialize.ts'
import { refuseTransition } from './transitions.ts'

const setHold = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string; hold: string }>) =>
  db
    .update(t.tasks)
    .set({
      hold: p.hold,
      ready: null,
      parkedOn: null,
      // While it is held, no agent can claim it in time.
      timeoutAt: sql`${t.tasks.closeBy}`,
      revision: sql`${t.tasks.revision} + 1`,
    })
    .where(and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project), isQueuedSql(t)))
    .returning()
    .prepare(),
)

const clearHold = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string; now: number }>) => {
  const { tasks } = t
  const later = sql`coalesce(${tasks.notBefore}, 0) > ${p.now}`
  const isPending = sql`${tasks.status} = 'pending'`
  const timeoutAt = unblockedDeadlineSql(t, sql`(case when ${later} then ${tasks.notBefore} else ${p.now} end)`)
  return db
    .update(tasks)
    .set({
      hold: null,
      ready: sql`case when ${isPending} and not ${later} then ${tasks.routeId} end`,
      readyAt: sql`case when ${isPending} then ${p.now} else ${tasks.readyAt} end`,
      timeoutAt: sql`case when ${isPending} then ${timeoutAt} else ${tasks.timeoutAt} end`,
      revision: sql`${tasks.revision} + 1`,
    })
    .where(and(eq(tasks.id, p.taskId), eq(tasks.projectId, p.project), isNotNull(tasks.hold), isQueuedSql(t)))
    .returning()
    .prepare()
})

/**
 * `tasks.hold`: keeps a waiting task from being claimed until `tasks.unhold`. A task with a lease
 * cannot be held, because its work has begun.
 */
export const holdTask = (
  ctx: Context,
  { taskId, reason }: z.output<typeof taskHoldInput>,
): Promise<z.output<typeof taskTransitionOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const actor = actorOf(ctx.principal)
    const stored = JSON.stringify({ reason, by: actor, at: iso(tx.now) })
    const [row] = await tx.run(setHold, { project, taskId, hold: stored })
    if (!row) return refuseTransition(tx, { project, taskId, outcome: 'held' })
    tx.append({ type: 'task.held', subject: taskId, actor, taskId, epic: row.epic, data: { reason } })
    return { taskId, status: taskStatusOf(row), revision: row.revision }
  })

/** `tasks.unhold`: lifts the hold. The task is claimable as soon as nothing else blocks it. */
export const unholdTask = (
  ctx: Context,
  { taskId }: z.output<typeof taskUnholdInput>,
): Promise<z.output<typeof taskTransitionOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const actor = actorOf(ctx.principal)
    const [row] = await tx.run(clearHold, { project, taskId, now: tx.now })
    if (!row) return refuseTransition(tx, { project, taskId, outcome: 'unheld, because it is not held' })
    tx.append({ type: 'task.unheld', subject: taskId, actor, taskId, epic: row.epic, data: {} })
    if (row.ready !== null) notifyClaimable(tx, row)
    return { taskId, status: taskStatusOf(row), revision: row.revision }
  })
