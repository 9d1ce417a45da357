import type { Task } from '@tony/mcp-client'
import { defaultMaxAttempts, defaultStartToCloseMs } from '@tony/mcp-shared/tasks'
import type { CarriedRecord } from '../plan/carried.ts'
import type { PlanRecord } from '../plan/plan.ts'
import { stateOf } from './state.ts'

/** The fields of a task that no other tracker has, if they differ from their defaults. */
function tonyFieldsOf(task: Task): Record<string, unknown> {
  const { story, requires, locks, acceptance, maxAttempts, onDependencyFailure, onChildrenEnd } = task
  const { scheduleToStartMs, startToCloseMs, scheduleToCloseMs } = task
  return {
    ...(story === null ? {} : { story }),
    ...(requires.length === 0 ? {} : { requires }),
    ...(locks.length === 0 ? {} : { locks }),
    ...(acceptance === 'complete' ? {} : { acceptance }),
    ...(maxAttempts === defaultMaxAttempts ? {} : { maxAttempts }),
    ...(onDependencyFailure === 'block' ? {} : { onDependencyFailure }),
    ...(onChildrenEnd === 'claim' ? {} : { onChildrenEnd }),
    ...(scheduleToStartMs === null ? {} : { scheduleToStartMs }),
    ...(startToCloseMs === defaultStartToCloseMs ? {} : { startToCloseMs }),
    ...(scheduleToCloseMs === null ? {} : { scheduleToCloseMs }),
  }
}

/** Returns the metadata beside `metadata.tony`: the task's if it is `isOwn`, else its record's. */
export const otherMetadataOf = (task: Task, inRecord: unknown, isOwn: boolean): object =>
  isOwn ? task.metadata : typeof inRecord === 'object' && inRecord !== null ? inRecord : {}

const comparedFields = ['title', 'description', 'acceptanceCriteria', 'design'] as const

/**
 * Returns the properties of a task that the exported record does not express, so that an import can
 * restore them. `read` is the exported record as an import reads it. `epic` is the epic that the
 * import would derive from the record, and `assignedTo` is the name of the assigned agent.
 */
export function carriedRecordOf(
  task: Task,
  read: PlanRecord,
  { word, epic, assignedTo }: { word: string; epic: string | null; assignedTo: string | undefined },
): CarriedRecord {
  const { status, hold, isTaken } = stateOf(task)
  const fields = {
    ...tonyFieldsOf(task),
    ...(read.kind === task.type ? {} : { type: task.type }),
    ...(read.priority === task.priority ? {} : { priority: task.priority }),
    ...(task.epic === epic ? {} : { epic: task.epic }),
    ...(assignedTo === undefined ? {} : { assignedTo }),
    ...Object.fromEntries(
      comparedFields.flatMap((field) =>
        (task[field] ?? undefined) === (read[field] ?? undefined) ? [] : [[field, task[field]]],
      ),
    ),
  }
  const isSameState = read.status === status && (read.hold ?? undefined) === hold
  return {
    ...(isTaken || isSameState ? {} : { word, status, hold: hold ?? null }),
    ...(Object.keys(fields).length === 0 ? {} : { fields }),
  }
}
