import type { taskCompleteInput } from '@tony/mcp-shared/leases'
import type { taskTransitionOutput } from '@tony/mcp-shared/task-changes'
import { and, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { findAwaitedTask, unblockDependents, unblockKnownDependents } from '../../domain/tasks/dependents.ts'
import { type LeaseParams, leaseSerialKeyOf, matchesLeaseSql, settleEndedLease } from '../../domain/tasks/lease.ts'
import { completionColumns, dequeueColumns } from '../../domain/tasks/queue-columns.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { noteEnd } from '../../domain/tasks/uncounted-ends.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, singleRowUpdate, statement, type Transaction } from '../../store/store.ts'
import { saveArtifacts } from './artifacts.ts'
import { type Completion, settleLateCompletion } from './late-completions.ts'
import { taskStatusOf } from './serialize.ts'
import { fromStatuses } from './transitions.ts'

interface CompleteParams extends LeaseParams {
  result: string | null
  now: number
}

const completeLease = statement(({ db, t, p }: StatementParts<CompleteParams>) =>
  db
    .update(t.tasks)
    .set({
      ...dequeueColumns,
      ...completionColumns(t, p.now),
      leaseExpiresAt: null,
      result: p.result,
      resultAttempt: t.tasks.attempt,
      revision: sql`${t.tasks.revision} + 1`,
    })
    .where(and(matchesLeaseSql({ t, p }), inLiterals(t.tasks.status, fromStatuses('complete'))))
    // Not the whole row: every task runs this statement, and most of a row is text.
    .returning({
      id: t.tasks.id,
      status: t.tasks.status,
      revision: t.tasks.revision,
      attempt: t.tasks.attempt,
      agentId: t.tasks.agentId,
      epic: t.tasks.epic,
      projectId: t.tasks.projectId,
      heldLocks: t.tasks.heldLocks,
    })
    .prepare(),
)

const completeOneLease = singleRowUpdate(completeLease)

/** The attempt and the agent of a result, and the actor of its event. */
interface ResultOrigin {
  readonly attempt: number
  readonly agentId: string | null
  readonly actor: string | null
}

type EndedRow = Pick<TaskRow, 'id' | 'status' | 'epic'>

function recordResult(tx: Transaction, row: EndedRow, { attempt, agentId, actor }: ResultOrigin): void {
  const type = row.status === 'completed' ? 'task.completed' : 'task.submitted'
  tx.append({ type, subject: row.id, actor, taskId: row.id, epic: row.epic, data: { attempt, agentId } })
}

/**
 * Appends the event of a result. Dependents are unblocked unless the result must be verified first.
 */
export async function recordCompletion(tx: Transaction, row: EndedRow, origin: ResultOrigin): Promise<void> {
  recordResult(tx, row, origin)
  if (row.status === 'completed') await unblockDependents(tx, row.id, origin.actor)
}

/**
 * Completes the lease of `input`, once. A repeated call after a lost reply finds the task done and
 * succeeds.
 */
export async function completeIn(
  tx: Transaction,
  ctx: Pick<Context, 'principal' | 'leaseTokens'>,
  input: z.output<typeof taskCompleteInput>,
): Promise<Completion> {
  const agentId = requireAgent(ctx.principal).id
  const { project } = ctx.principal
  const { taskId, leaseToken } = input
  const result = input.result === undefined ? null : JSON.stringify(input.result)
  const lease = { project, taskId, leaseToken, agentId, result }
  // Sent together, in this order: with PostgreSQL they share one round trip.
  const ending = Promise.all([tx.run(completeOneLease, { ...lease, now: tx.now }), findAwaitedTask(tx, taskId)])
  noteEnd(
    tx,
    taskId,
    ending.then(([[row], awaited]) => row?.status === 'completed' && awaited !== undefined),
  )
  const [[row], awaited] = await ending
  if (!row) {
    await tx.afterEarlier()
    return settleLateCompletion(tx, ctx, lease)
  }
  await saveArtifacts(tx, row, input.artifacts)
  await settleEndedLease(tx, row)
  recordResult(tx, row, { attempt: row.attempt, agentId, actor: agentId })
  if (awaited && row.status === 'completed') await unblockKnownDependents(tx, awaited, agentId, row.id)
  return { row }
}

export async function completeTask(
  ctx: Context,
  input: z.output<typeof taskCompleteInput>,
): Promise<z.output<typeof taskTransitionOutput>> {
  const completion = await ctx.transact((tx) => completeIn(tx, ctx, input), {
    serialKeys: [leaseSerialKeyOf(input.taskId)],
  })
  if ('refused' in completion) throw completion.refused
  const { row } = completion
  return { taskId: row.id, status: taskStatusOf(row), revision: row.revision }
}
