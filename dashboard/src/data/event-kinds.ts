import type { FeedEvent } from '@tony/mcp-client'
import { fieldsOf } from './patch-task.ts'

// Patterns of the types of events after which something is read again. They leave types out, so
// that a new type of event counts.

/** Events after which a task may have another status, lease, lock, hold or dependency. */
export const taskChanges = /^task\.(?!progressed$)/

/** Events after which another task may be able to run. */
export const queueChanges = /^(task\.(?!progressed$)|agent\.|epic\.|project\.)/

/** Events after which the locks, their holders or their queues may be others. */
export const lockChanges = /^(task\.(?!progressed$)|project\.)/

/** Events after which a message may have become a dead letter or may no longer be one. */
export const deadLetterChanges = /^message\.(dead|redriven|purged)$/

/** Events by which a task begins to wait for a person, or no longer does. */
const waitChanges = /^task\.(input_requested|input_provided|submitted|rejected|timed_out|failed|adopted|cancelled)$/

/**
 * True for an event after which another number of questions, reviews or dead letters may wait. The
 * claim and the end of a task that needs no person are none of them, so that they cost no read.
 */
export function changesNeeds(event: Pick<FeedEvent, 'type' | 'actor' | 'data'>): boolean {
  const { type, actor } = event
  if (type === 'task.completed') return actor === null || actor !== fieldsOf(event).agentId
  return waitChanges.test(type) || deadLetterChanges.test(type)
}
