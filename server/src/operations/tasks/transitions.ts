import { CoordinationError } from '@tony/mcp-shared/errors'
import { type TaskTransition, taskTransitions } from '@tony/mcp-shared/tasks'
import { findTask, taskNotFound } from '../../domain/tasks/lease.ts'
import type { Transaction } from '../../store/store.ts'
import type { TaskRow } from './serialize.ts'

/** The statuses a move may start from, for its guard in SQL. */
export const fromStatuses = (transition: TaskTransition) => [...taskTransitions[transition].from]

/** A move of a task that changed no row. */
interface RefusedTransition {
  readonly project: string
  readonly taskId: string
  /** What it cannot be: `cancelled`. */
  readonly outcome: string
}

/** Why a move changed no row: its task's status, unless `other` knows better. Never returns: the move did not happen. */
export async function refuseTransition(
  tx: Transaction,
  { project, taskId, outcome }: RefusedTransition,
  explain: (row: TaskRow) => CoordinationError | undefined = () => undefined,
): Promise<never> {
  const [row] = await tx.run(findTask, { project, taskId })
  if (!row) throw taskNotFound(taskId)
  const { status } = row
  throw (
    explain(row) ??
    new CoordinationError('ILLEGAL_TRANSITION', `task ${taskId} is ${status} and cannot be ${outcome}`, { status })
  )
}
