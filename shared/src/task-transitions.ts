import type { TaskStatus } from './task-statuses.ts'

/**
 * The legal transitions of a task. The SQL guards, docs and tests are derived from this table.
 *
 * `complete` is also legal from `pending`: the latest attempt's token still completes the task
 * after its lease has expired, while no agent has claimed it since. A task that returns to the
 * queue with an open dependency becomes `blocked` instead of `pending`.
 */
export const taskTransitions = {
  unblock: { from: ['blocked'], to: 'pending' },
  /** The last child of a parent with `onChildrenEnd: complete` has ended, and none has failed. */
  rollUp: { from: ['blocked'], to: 'completed' },
  rollUpForReview: { from: ['blocked'], to: 'in_review' },
  claim: { from: ['pending'], to: 'in_progress' },
  extend: { from: ['in_progress'], to: 'in_progress' },
  progress: { from: ['in_progress'], to: 'in_progress' },
  lock: { from: ['in_progress'], to: 'in_progress' },
  complete: { from: ['in_progress', 'pending'], to: 'completed' },
  /** The `complete` of a task that needs verification. */
  submit: { from: ['in_progress', 'pending'], to: 'in_review' },
  accept: { from: ['in_review'], to: 'completed' },
  reject: { from: ['in_review'], to: 'pending' },
  /** A failure with attempts left: the task can be claimed again after the backoff. */
  backOff: { from: ['in_progress'], to: 'pending' },
  release: { from: ['in_progress'], to: 'pending' },
  expire: { from: ['in_progress'], to: 'pending' },
  requestInput: { from: ['in_progress'], to: 'input_required' },
  provideInput: { from: ['input_required'], to: 'pending' },
  fail: { from: ['in_progress'], to: 'failed' },
  /** One of its time limits has passed, or its question got no answer in time. */
  timeOut: { from: ['blocked', 'pending', 'in_progress', 'input_required'], to: 'failed' },
  /** A dependency failed or was cancelled, and `onDependencyFailure` is `fail`. */
  cascade: { from: ['blocked'], to: 'failed' },
  /** An operator restores all its attempts. */
  retry: { from: ['failed'], to: 'pending' },
  /** The orphan result of an earlier attempt ends the task. */
  adopt: { from: ['pending', 'in_progress', 'input_required', 'failed'], to: 'completed' },
  adoptForReview: { from: ['pending', 'in_progress', 'input_required', 'failed'], to: 'in_review' },
  /**
   * The task got an open dependency or a child. A task with a lease becomes `blocked` when its
   * lease ends.
   */
  defer: { from: ['pending', 'in_progress'], to: 'blocked' },
  cancel: { from: ['blocked', 'pending', 'in_progress', 'input_required', 'in_review'], to: 'cancelled' },
  /** The task was closed at the source of its plan. A source can call it off or fail it, too. */
  close: { from: ['blocked', 'pending'], to: 'completed' },
  /** The task had ended at the source of its plan, and was opened again there. */
  reopen: { from: ['completed', 'failed', 'cancelled'], to: 'pending' },
} as const satisfies Record<string, { from: readonly TaskStatus[]; to: TaskStatus }>

export type TaskTransition = keyof typeof taskTransitions
