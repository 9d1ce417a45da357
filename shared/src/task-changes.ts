import { z } from 'zod'
import { id, idempotencyKey, json, jsonObject, text, word } from './ids.ts'
import { priority } from './priorities.ts'
import { taskStatuses } from './task-statuses.ts'
import { holdReason, namedDependencyKinds } from './task-waits.ts'
import { taskStatusInput } from './tasks.ts'

/** The status and the revision of a task after a change. */
export const taskTransitionOutput = z.object({ taskId: id, status: z.enum(taskStatuses), revision: z.int() })

export const taskCancelInput = z.strictObject({
  taskId: id,
  reason: z.string().max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/**
 * Keeps a `blocked` or `pending` task from being claimed until `tasks.unhold`. A second hold
 * replaces the reason.
 */
export const taskHoldInput = z.strictObject({
  taskId: id,
  reason: holdReason,
  idempotencyKey: idempotencyKey.optional(),
})

export const taskUnholdInput = z.strictObject({ taskId: id, idempotencyKey: idempotencyKey.optional() })

/** Makes a failed task claimable again, with all its attempts. */
export const taskRetryInput = z.strictObject({ taskId: id, idempotencyKey: idempotencyKey.optional() })

/** Selects the tasks of a bulk call; at least one field is required. */
export const taskFilter = z
  .strictObject({
    taskIds: z.array(id).min(1).max(500).optional(),
    type: word.optional(),
    epic: word.optional(),
    story: word.optional(),
    parentId: id.optional(),
    /** Id of the only agent that may claim it. */
    assignedTo: id.optional(),
    status: taskStatusInput.optional(),
  })
  .refine((filter) => Object.keys(filter).length > 0, 'name at least one of its fields')

/** Maximum number of tasks that one bulk call changes: 1–500, default 500. */
const bulkLimit = z.int().min(1).max(500).default(500)

export const taskCancelManyInput = z.strictObject({
  filter: taskFilter,
  reason: z.string().max(4_096).optional(),
  limit: bulkLimit,
  idempotencyKey: idempotencyKey.optional(),
})
export const taskRetryManyInput = z.strictObject({
  filter: taskFilter,
  limit: bulkLimit,
  idempotencyKey: idempotencyKey.optional(),
})
/**
 * The changed tasks, all in one transaction. Tasks that match the filter but cannot make the
 * transition are skipped.
 */
export const taskBulkOutput = z.object({
  taskIds: z.array(id),
  /** True if there are more: call again. */
  more: z.boolean(),
})

/** Changes the given fields only; `null` removes an optional value. */
export const taskUpdateInput = z.strictObject({
  taskId: id,
  /**
   * Revision on which the change is based. If the current one differs, the call fails with
   * `REVISION_CONFLICT`, whose details have the current revision.
   */
  expectedRevision: z.int().min(1),
  title: z.string().max(1_000).nullable().optional(),
  description: text.nullable().optional(),
  acceptanceCriteria: text.nullable().optional(),
  design: text.nullable().optional(),
  notes: text.nullable().optional(),
  priority: priority.optional(),
  /** Id or name of the only agent that may claim it. */
  assignedTo: z.string().min(1).max(128).nullable().optional(),
  /** Can change only while the task is `blocked` or `pending`. */
  dependsOn: z.array(id).max(200).optional(),
  /** Can change only while the task is `blocked` or `pending`. */
  waitsFor: z
    .array(z.strictObject({ taskId: id, kind: z.enum(namedDependencyKinds) }))
    .max(200)
    .optional(),
  metadata: jsonObject.optional(),
  idempotencyKey: idempotencyKey.optional(),
})

export const taskProvideInputInput = z.strictObject({
  taskId: id,
  answer: json,
  /** Answers only the question of this attempt. Default: the open question. */
  attempt: z.int().min(1).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

export const taskVerifyInput = z.strictObject({
  taskId: id,
  /** `true` completes the task; `false` returns it to the queue with the note. */
  accept: z.boolean(),
  note: z.string().max(16_384).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/** Ends the task with an orphan result. Allowed for the current holder and for a tech-lead. */
export const taskAdoptInput = z.strictObject({
  taskId: id,
  /** The `attempt` of an entry of `orphanResults`. */
  attempt: z.int().min(1),
  idempotencyKey: idempotencyKey.optional(),
})
