import { CoordinationError } from '@tony/mcp-shared/errors'
import { type TaskTransition, taskTransitions } from '@tony/mcp-shared/task-transitions'
import { findTask, taskNotFoundError } from '../../domain/tasks/lease.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import type { Transaction } from '../../store/store.ts'

/** The statuses from which a transition may start, for its condition in SQL. */
export const fromStatuses = (transition: TaskTransition) => [...taskTransitions[transition].from]

/** A transition that changed no row. */
interface RefusedTransition {
  readonly project: string
  readonly taskId: string
  /** The outcome that is impossible, as in `cancelled`. */
  readonly outcome: string
}

/**
 * Throws the reason why a transition changed no row: the error of `explain`, or the task's status.
 */
export async function refuseTransition(
  tx: Transaction,
  { project, taskId, outcome }: RefusedTransition,
  explain: (row: TaskRow) => CoordinationError | undefined = () => undefined,
): Promise<never> {
  const [row] = await tx.run(findTask, { project, taskId })
  if (!row) throw taskNotFoundError(taskId)
  const { status } = row
  throw (
    explain(row) ??
    new CoordinationError('ILLEGAL_TRANSITION', `task ${taskId} is ${status} and cannot be ${outcome}`, { status })
  )
}
