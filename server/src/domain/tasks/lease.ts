import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { releaseLocks } from './locks.ts'
import type { TaskRow } from './task-row.ts'

/**
 * The parameters that name a lease. If one of them differs, the lease is over or not the caller's.
 */
export interface LeaseParams {
  project: string
  taskId: string
  leaseToken: string
  agentId: string
}

/** Key of the operations on a lease: at most one of them runs at a time. */
export const leaseSerialKeyOf = (taskId: string): string => `lease ${taskId}`

/** Matches the row of this lease, in any status. */
export const matchesLeaseSql = ({ t, p }: Pick<StatementParts<LeaseParams>, 't' | 'p'>) =>
  and(
    eq(t.tasks.id, p.taskId),
    eq(t.tasks.projectId, p.project),
    eq(t.tasks.leaseToken, p.leaseToken),
    eq(t.tasks.agentId, p.agentId),
  )

/** Matches the row of this lease while the lease is held. */
export const matchesHeldLeaseSql = (query: Pick<StatementParts<LeaseParams>, 't' | 'p'>) =>
  and(matchesLeaseSql(query), equalsLiteral(query.t.tasks.status, 'in_progress'))

export const findTask = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string }>) =>
  db
    .select()
    .from(t.tasks)
    .where(and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project)))
    .prepare(),
)

export const taskNotFoundError = (taskId: string) => new CoordinationError('NOT_FOUND', `Task ${taskId} not found`)

/** Throws the reason why a transition that needs the current lease changed no row. */
export async function refuseLease(tx: Transaction, project: string, taskId: string): Promise<never> {
  const [row] = await tx.run(findTask, { project, taskId })
  if (!row) throw taskNotFoundError(taskId)
  const { status, attempt } = row
  const message = `this lease of task ${taskId} has ended: stop the work, its result would not count`
  throw new CoordinationError('STALE_LEASE', message, { status, attempt })
}

/** Releases the locks of a lease and notifies its holder. All code that ends a lease calls it. */
export async function settleEndedLease(
  tx: Transaction,
  row: Pick<TaskRow, 'id' | 'projectId' | 'attempt' | 'agentId' | 'heldLocks'>,
): Promise<void> {
  if (row.heldLocks > 0) await releaseLocks(tx, row)
  if (row.agentId !== null) tx.notify({ topic: 'lease', agentId: row.agentId, taskId: row.id, attempt: row.attempt })
}

/** Wakes waiting claims for tasks of one claim group that are now claimable. Default: one task. */
export function notifyClaimable(
  tx: Transaction,
  row: Pick<TaskRow, 'projectId' | 'requires' | 'assignedTo'>,
  count = 1,
): void {
  tx.notify({
    topic: 'tasks',
    project: row.projectId,
    requires: row.requires,
    assignedTo: row.assignedTo ?? '',
    count,
  })
}
