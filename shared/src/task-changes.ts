import { z } from 'zod'
import { id, idempotencyKey, json, jsonObject, text, word } from './ids.ts'
import { priority } from './priorities.ts'
import { taskStatuses, taskStatusWord } from './tasks.ts'

/** What one change did to a task. */
export const taskMoved = z.object({ taskId: id, status: z.enum(taskStatuses), revision: z.int() })

export const taskCancelInput = z.strictObject({
  taskId: id,
  reason: z.string().max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/** Gives a failed task all its attempts again. */
export const taskRetryInput = z.strictObject({ taskId: id, idempotencyKey: idempotencyKey.optional() })

/** Which tasks a bulk verb is for; at least one of these. */
export const taskFilter = z
  .strictObject({
    taskIds: z.array(id).min(1).max(500).optional(),
    type: word.optional(),
    epic: word.optional(),
    story: word.optional(),
    parentId: id.optional(),
    /** Id of the only agent that may claim it. */
    assignedTo: id.optional(),
    status: taskStatusWord.optional(),
  })
  .refine((filter) => Object.keys(filter).length > 0, 'name at least one of its fields')

/** How many tasks one bulk call changes at most: 1–500, default 500. */
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
/** In one transaction. What the filter finds and the move is not legal for is passed over. */
export const taskBulkOutput = z.object({
  taskIds: z.array(id),
  /** Whether there are more: call again. */
  more: z.boolean(),
})

/** Changes what is given and nothing else; `null` takes away what may be absent. */
export const taskUpdateInput = z.strictObject({
  taskId: id,
  /** The revision the change was decided on; with another one it is `REVISION_CONFLICT`, which tells the current one. */
  expectedRevision: z.int().min(1),
  title: z.string().max(1_000).nullable().optional(),
  description: text.nullable().optional(),
  priority: priority.optional(),
  /** Id or name. */
  assignedTo: z.string().min(1).max(128).nullable().optional(),
  /** While it is blocked or pending. */
  dependsOn: z.array(id).max(200).optional(),
  metadata: jsonObject.optional(),
  idempotencyKey: idempotencyKey.optional(),
})

export const taskProvideInputInput = z.strictObject({
  taskId: id,
  answer: json,
  idempotencyKey: idempotencyKey.optional(),
})

export const taskVerifyInput = z.strictObject({
  taskId: id,
  /** `true` completes the task, `false` sends it back to the queue with the note. */
  accept: z.boolean(),
  note: z.string().max(16_384).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/** Takes a result that came too late. The current holder may, and a tech lead. */
export const taskAdoptInput = z.strictObject({
  taskId: id,
  /** Whose: the attempt of an entry of `orphanResults`. */
  attempt: z.int().min(1),
  idempotencyKey: idempotencyKey.optional(),
})
