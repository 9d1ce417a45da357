/**
 * `blocked` waits for other tasks, `pending` for an agent, `input_required` for an answer,
 * `in_review` for a verdict. The last three statuses are final.
 */
export const taskStatuses = [
  'blocked',
  'pending',
  'in_progress',
  'input_required',
  'in_review',
  'completed',
  'failed',
  'cancelled',
] as const
export type TaskStatus = (typeof taskStatuses)[number]

/** Final statuses. Only an explicit call, such as `tasks.retry`, moves a task out of one. */
export const endedStatuses = ['completed', 'failed', 'cancelled'] as const satisfies readonly TaskStatus[]
