import { CoordinationError } from '@tony/mcp-shared/errors'
import type { taskAdoptInput, taskTransitionOutput } from '@tony/mcp-shared/task-changes'
import { and, eq, exists, or, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf, isAllowed } from '../../domain/principal.ts'
import { blockDependents } from '../../domain/tasks/dependents.ts'
import { settleEndedLease } from '../../domain/tasks/lease.ts'
import { completionColumns, dequeueColumns } from '../../domain/tasks/queue-columns.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { asReference } from '../../store/references.ts'
import { equalsLiteral, inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { recordCompletion } from './complete.ts'
import { findTaskForUpdate } from './late-completions.ts'
import { taskStatusOf } from './serialize.ts'
import { fromStatuses, refuseTransition } from './transitions.ts'

interface AdoptParams {
  project: string
  taskId: string
  attempt: number
  /**
   * Id of the caller, which may adopt only as the task's holder; null for a caller that always may.
   */
  holder: string | null
  now: number
}

const adoptOrphan = statement(({ db, t, p }: StatementParts<AdoptParams>) => {
  const { tasks, orphanResults } = t
  const ofAttempt = and(eq(orphanResults.taskId, p.taskId), eq(orphanResults.attempt, p.attempt))
  const orphan = {
    agentId: db.select({ agentId: orphanResults.agentId }).from(orphanResults).where(ofAttempt),
    result: db.select({ result: orphanResults.result }).from(orphanResults).where(ofAttempt),
  }
  return db
    .update(tasks)
    .set({
      ...dequeueColumns,
      ...completionColumns(t, p.now),
      agentId: asReference(tasks.agentId, orphan.agentId),
      result: sql`(${orphan.result})`,
      resultAttempt: p.attempt,
      inputRequest: null,
      // No lease token is valid any more: neither the holder's nor the late attempt's.
      leaseToken: null,
      leaseExpiresAt: null,
      revision: sql`${tasks.revision} + 1`,
    })
    .where(
      and(
        eq(tasks.id, p.taskId),
        eq(tasks.projectId, p.project),
        inLiterals(tasks.status, fromStatuses('adopt')),
        exists(orphan.agentId),
        or(
          sql`cast(${p.holder} as text) is null`,
          and(equalsLiteral(tasks.status, 'in_progress'), eq(tasks.agentId, p.holder)),
        ),
      ),
    )
    .returning()
    .prepare()
})

const findOrphanAgent = (tx: Transaction, taskId: string, attempt: number) => {
  const { orphanResults } = tx.t
  return tx.db
    .select({ agentId: orphanResults.agentId })
    .from(orphanResults)
    .where(and(eq(orphanResults.taskId, taskId), eq(orphanResults.attempt, attempt)))
}

/**
 * Returns the reason why the statement `adoptOrphan` changed no row, if it is not the task's
 * status. Each of its conditions needs a counterpart here, or the error names the status instead.
 */
const adoptErrorOf =
  ({ attempt, holder }: AdoptParams, hasOrphan: boolean) =>
  ({ id, status, agentId }: TaskRow): CoordinationError | undefined => {
    if (!fromStatuses('adopt').some((word) => word === status)) return undefined
    if (!hasOrphan) return new CoordinationError('NOT_FOUND', `Task ${id} has no orphan result of attempt ${attempt}`)
    if (holder === null || (status === 'in_progress' && agentId === holder)) return undefined
    return new CoordinationError('FORBIDDEN', `only its holder or a tech-lead may adopt a result of task ${id}`)
  }

/** `tasks.adopt`: ends a task with the orphan result of an earlier attempt. */
export const adoptResult = (
  ctx: Context,
  { taskId, attempt }: z.output<typeof taskAdoptInput>,
): Promise<z.output<typeof taskTransitionOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const actor = actorOf(ctx.principal)
    const holder = isAllowed(ctx.principal, 'tasks:manage') ? null : (actor ?? '')
    // The row before the change, to notify its holder: afterwards the row names the result's agent.
    const [before] = await tx.run(findTaskForUpdate, { project, taskId })
    const params = { project, taskId, attempt, holder, now: tx.now }
    const [row] = await tx.run(adoptOrphan, params)
    if (!(before && row)) {
      const hasOrphan = (await findOrphanAgent(tx, taskId, attempt)).length > 0
      return refuseTransition(
        tx,
        { project, taskId, outcome: 'completed by another result' },
        adoptErrorOf(params, hasOrphan),
      )
    }
    const { agentId, epic } = row
    tx.append({ type: 'task.adopted', subject: taskId, actor, taskId, epic, data: { attempt, agentId } })
    await settleEndedLease(tx, before)
    // The failure had satisfied `failure` dependencies. Their dependents are blocked again before
    // the completion resolves them.
    if (before.status === 'failed') await blockDependents(tx, taskId, actor)
    await recordCompletion(tx, row, { attempt, agentId, actor })
    return { taskId, status: taskStatusOf(row), revision: row.revision }
  })
