import type { FeedEvent, Task } from '@tony/mcp-client'

type TaskStatus = Task['status']

/**
 * The status that a task has after an event without a `status` in its data. Events of earlier
 * versions have none where the task returns to the queue. Other events of a task leave its status.
 */
const statusAfter: Readonly<Record<string, TaskStatus>> = {
  'task.blocked': 'blocked',
  'task.unblocked': 'pending',
  'task.claimed': 'in_progress',
  'task.submitted': 'in_review',
  'task.rejected': 'pending',
  'task.completed': 'completed',
  'task.retried': 'pending',
  'task.released': 'pending',
  'task.expired': 'pending',
  'task.input_requested': 'input_required',
  'task.input_provided': 'pending',
  'task.timed_out': 'pending',
  'task.failed': 'failed',
  'task.reopened': 'pending',
  'task.cancelled': 'cancelled',
}

const isStatus = (value: unknown): value is TaskStatus =>
  typeof value === 'string' && Object.values(statusAfter).some((status) => status === value)

/** The fields of an event's data, each of them absent or of the given type. */
export interface EventFields {
  readonly status?: unknown
  readonly title?: unknown
  readonly attempt?: unknown
  readonly agentId?: unknown
  readonly leaseExpiresAt?: unknown
  readonly percent?: unknown
  readonly message?: unknown
  readonly question?: unknown
  readonly error?: unknown
  readonly reason?: unknown
}

export const fieldsOf = ({ data }: Pick<FeedEvent, 'data'>): EventFields =>
  typeof data === 'object' && data !== null ? data : {}

const textOr = <T>(value: unknown, other: T): string | T => (typeof value === 'string' ? value : other)
const numberOr = <T>(value: unknown, other: T): number | T => (typeof value === 'number' ? value : other)

/** Returns the status of a task after an event; undefined if the event does not tell. */
export function statusAfterEvent(event: FeedEvent): TaskStatus | undefined {
  const { status } = fieldsOf(event)
  return isStatus(status) ? status : statusAfter[event.type]
}

/** Returns the hold of a task after an event. */
function holdAfter({ hold }: Task, event: FeedEvent): Task['hold'] {
  if (event.type === 'task.unheld') return null
  if (event.type !== 'task.held') return hold
  return { reason: textOr(fieldsOf(event).reason, ''), by: event.actor, at: event.at }
}

/** Returns a task as it is after an event about it. Fields that the event does not tell stay. */
export function patchTask(task: Task, event: FeedEvent): Task {
  const fields = fieldsOf(event)
  const status = statusAfterEvent(event) ?? task.status
  const isRunning = status === 'in_progress'
  const isWaiting = status === 'pending' || status === 'blocked' || status === 'input_required'
  const progress = {
    ...task.progress,
    percent: numberOr(fields.percent, task.progress?.percent),
    message: textOr(fields.message, task.progress?.message),
  }
  return {
    ...task,
    status,
    title: textOr(fields.title, task.title),
    attempt: numberOr(fields.attempt, task.attempt),
    claimedBy: isWaiting ? null : textOr(fields.agentId, task.claimedBy),
    leaseExpiresAt: isRunning ? textOr(fields.leaseExpiresAt, task.leaseExpiresAt) : null,
    progress: event.type === 'task.progressed' ? progress : task.progress,
    error: textOr(fields.error, task.error),
    hold: holdAfter(task, event),
    inputRequest: event.type === 'task.input_provided' ? null : task.inputRequest,
  }
}
