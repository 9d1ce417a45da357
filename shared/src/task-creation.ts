import { z } from 'zod'
import { id, idempotencyKey } from './ids.ts'
import { taskFields } from './tasks.ts'

export const taskCreateInput = z.looseObject({ ...taskFields, idempotencyKey: idempotencyKey.optional() })

/**
 * Creates up to 200 tasks in one transaction. A `key` names a task within the call, for the
 * `dependsOn` and `parentId` of other tasks.
 */
export const taskCreateManyInput = z.strictObject({
  tasks: z
    .array(
      z.looseObject({
        ...taskFields,
        key: z.string().min(1).max(200).optional(),
        parentId: z.string().max(200).optional(),
      }),
    )
    .min(1)
    .max(200),
  idempotencyKey: idempotencyKey.optional(),
})

export const taskCreateManyOutput = z.object({ tasks: z.array(z.object({ id, key: z.string().nullable() })) })
