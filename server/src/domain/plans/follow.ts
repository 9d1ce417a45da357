import { taskTransitions } from '@tony/mcp-shared/task-transitions'
import { and, eq, sql } from 'drizzle-orm'
import { inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { type FinalStatus, isFinalStatus } from '../tasks/dependency-kinds.ts'
import { blockDependents, failDependents, unblockDependents } from '../tasks/dependents.ts'
import { notifyClaimable } from '../tasks/lease.ts'
import { dequeueColumns, reopenColumns } from '../tasks/queue-columns.ts'
import type { TaskRow } from '../tasks/task-row.ts'
import { type PlannedStatus, planMarkOf } from './plan-mark.ts'

/** The change that brings a task to its status at the source. `keep` leaves a difference. */
export type StatusChange = 'none' | 'keep' | 'end' | 'reopen' | 'replace'

const isQueuedStatus = (status: string): boolean => status === 'pending' || status === 'blocked'

/**
 * Returns the change of a task's status that a plan causes. A task that an agent works on stays as
 * it is. A task that ended here stays ended, unless its source has opened it again. A failure here
 * gives way to an end at the source.
 */
export function statusChangeOf(row: Pick<TaskRow, 'status' | 'planHash'>, planned: PlannedStatus): StatusChange {
  const { status } = row
  const last = planMarkOf(row.planHash)?.status
  if (status === planned) return 'none'
  if (planned === 'pending') {
    if (!isFinalStatus(status)) return 'none'
    return last === undefined || last === 'pending' ? 'keep' : 'reopen'
  }
  // A failure that was tried again here does not fail the task a second time.
  if (isQueuedStatus(status)) return planned === 'failed' && last === 'failed' ? 'keep' : 'end'
  return status === 'failed' || status === last ? 'replace' : 'keep'
}

interface EndParams {
  taskId: string
  status: FinalStatus
  error: string | null
  now: number
}

const endTask = statement(({ db, t, p }: StatementParts<EndParams>) =>
  db
    .update(t.tasks)
    .set({
      ...dequeueColumns,
      status: p.status,
      // A late completion does not count: its token is that of no lease.
      leaseToken: null,
      leaseExpiresAt: null,
      error: sql`coalesce(cast(${p.error} as text), ${t.tasks.error})`,
      completedAt: p.now,
      revision: sql`${t.tasks.revision} + 1`,
    })
    .where(and(eq(t.tasks.id, p.taskId), inLiterals(t.tasks.status, taskTransitions.close.from)))
    .returning()
    .prepare(),
)

const reopenTask = statement(({ db, t, p }: StatementParts<{ taskId: string; now: number }>) =>
  db
    .update(t.tasks)
    .set(reopenColumns(t, p.now))
    .where(and(eq(t.tasks.id, p.taskId), inLiterals(t.tasks.status, taskTransitions.reopen.from)))
    .returning()
    .prepare(),
)

const endTexts = {
  completed: null,
  failed: 'it failed at its source',
  cancelled: 'it was called off at its source',
} as const satisfies Record<FinalStatus, string | null>

/** Ends a waiting task as at its source. Returns false if it is not waiting any more. */
export async function endAsPlanned(
  tx: Transaction,
  actor: string | null,
  taskId: string,
  status: FinalStatus,
): Promise<boolean> {
  const error = endTexts[status]
  const [row] = await tx.run(endTask, { taskId, status, error, now: tx.now })
  if (!row) return false
  const { epic, attempt, failures } = row
  const about = { subject: taskId, actor, taskId, epic }
  const base = { attempt, agentId: null, imported: true }
  if (status === 'completed') {
    tx.append({ type: 'task.completed', ...about, data: base })
    await unblockDependents(tx, taskId, actor)
    return true
  }
  if (status === 'cancelled') tx.append({ type: 'task.cancelled', ...about, data: { ...base, reason: error } })
  else tx.append({ type: 'task.failed', ...about, data: { ...base, failures, error } })
  await failDependents(tx, [row], actor)
  return true
}

/** Returns an ended task to the queue. The tasks that its end had unblocked wait for it again. */
export async function reopenAsPlanned(
  tx: Transaction,
  actor: string | null,
  known: Pick<TaskRow, 'id' | 'status'>,
): Promise<boolean> {
  const { id: taskId, status } = known
  if (!isFinalStatus(status)) return false
  const [row] = await tx.run(reopenTask, { taskId, now: tx.now })
  if (!row) return false
  const data = { attempt: row.attempt, imported: true, status: row.status }
  tx.append({ type: 'task.reopened', subject: taskId, actor, taskId, epic: row.epic, data })
  await blockDependents(tx, taskId, actor, status)
  if (row.ready !== null) notifyClaimable(tx, row)
  return true
}
