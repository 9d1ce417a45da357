import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { releaseLocks } from './locks.ts'

export type LeasedRow = Tables['tasks']['$inferSelect']

/** The parameters that name a lease: all must fit, or it is not the caller's, or no longer. */
export interface LeaseParams {
  project: string
  taskId: string
  leaseToken: string
  agentId: string
}

/** The row whose lease these parameters name, whatever its status. */
export const matchesLease = ({ t, p }: Pick<Query<LeaseParams>, 't' | 'p'>) =>
  and(
    eq(t.tasks.id, p.taskId),
    eq(t.tasks.projectId, p.project),
    eq(t.tasks.leaseToken, p.leaseToken),
    eq(t.tasks.agentId, p.agentId),
  )

/** The same while it is held. */
export const matchesHeldLease = (query: Pick<Query<LeaseParams>, 't' | 'p'>) =>
  and(matchesLease(query), equalsLiteral(query.t.tasks.status, 'in_progress'))

export const findTask = statement(({ db, t, p }: Query<{ project: string; taskId: string }>) =>
  db
    .select()
    .from(t.tasks)
    .where(and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project)))
    .prepare(),
)

export const taskNotFound = (taskId: string) => new CoordinationError('NOT_FOUND', `Task ${taskId} not found`)

/** Why a move that needs the current lease changed no row. Never returns: the move did not happen. */
export async function refuseLease(tx: Transaction, project: string, taskId: string): Promise<never> {
  const [row] = await tx.run(findTask, { project, taskId })
  if (!row) throw taskNotFound(taskId)
  const { status, attempt } = row
  const message = `this lease of task ${taskId} is over: stop the work, its result would not count`
  throw new CoordinationError('STALE_LEASE', message, { status, attempt })
}

/** What ends with a lease, and tells everyone who must know. Whoever ends a lease, however, ends it here. */
export async function endLease(
  tx: Transaction,
  row: Pick<LeasedRow, 'id' | 'projectId' | 'attempt' | 'agentId' | 'heldLocks'>,
): Promise<void> {
  if (row.heldLocks > 0) await releaseLocks(tx, row)
  if (row.agentId !== null) tx.wake({ topic: 'lease', agentId: row.agentId, taskId: row.id, attempt: row.attempt })
}

/** Tells those who wait for work that a task can be claimed. */
export function notifyClaimable(tx: Transaction, row: Pick<LeasedRow, 'projectId' | 'requires' | 'assignedTo'>): void {
  tx.wake({
    topic: 'tasks',
    project: row.projectId,
    requires: row.requires,
    assignedTo: row.assignedTo ?? '',
    count: 1,
  })
}
