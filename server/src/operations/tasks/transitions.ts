import { CoordinationError } from '@tony/mcp-shared/errors'
import { type TaskTransition, taskTransitions } from '@tony/mcp-shared/tasks'
import { findTask, taskNotFound } from '../../domain/tasks/lease.ts'
import type { Transaction } from '../../store/store.ts'
import type { TaskRow } from './serialize.ts'

/** The statuses a move may start from, for its guard in SQL. */
export const movableFrom = (move: TaskTransition) => [...taskTransitions[move].from]

/** A move of a task that changed no row. */
interface Refused {
  readonly project: string
  readonly taskId: string
  /** What it cannot be: `cancelled`. */
  readonly what: string
}

/** Why a move changed no row: its task's status, unless `other` knows better. Never returns: the move did not happen. */
export async function refuseMove(
  tx: Transaction,
  { project, taskId, what }: Refused,
  other: (row: TaskRow) => CoordinationError | undefined = () => undefined,
): Promise<never> {
  const [row] = await tx.run(findTask, { project, taskId })
  if (!row) throw taskNotFound(taskId)
  const { status } = row
  throw (
    other(row) ??
    new CoordinationError('ILLEGAL_TRANSITION', `task ${taskId} is ${status} and cannot be ${what}`, { status })
  )
}
