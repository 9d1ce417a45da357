import { z } from 'zod'
import { id, idempotencyKey, word } from './ids.ts'
import { taskSpec } from './tasks.ts'

/** The state an imported task starts in. */
export const plannedStatuses = ['pending', 'completed', 'failed', 'cancelled'] as const

/**
 * One task of a plan. `externalId` is its name in the file it came from; `dependsOn` and `parentId` are external ids of the
 * same plan, or of an earlier one.
 */
export const plannedTask = taskSpec.omit({ parentId: true }).extend({
  externalId: z.string().min(1).max(200),
  parentId: z.string().min(1).max(200).optional(),
  status: z.enum(plannedStatuses).default('pending'),
})
export type PlannedTask = z.output<typeof plannedTask>

export const planBeginInput = z.strictObject({ name: word, idempotencyKey: idempotencyKey.optional() })
export const planBeginOutput = z.object({ planId: id })

/** Stages up to 200 rows. A row with an `externalId` the plan holds already replaces it. */
export const planAddInput = z.strictObject({ planId: id, tasks: z.array(plannedTask).min(1).max(200) })
export const planAddOutput = z.object({ planId: id, staged: z.int() })

/** Throws away what is staged. */
export const planAbortInput = z.strictObject({ planId: id })
export const planAbortOutput = z.object({ planId: id, discarded: z.int() })

/** Publishes what is staged in one transaction. */
export const planCommitInput = z.strictObject({ planId: id, idempotencyKey: idempotencyKey.optional() })
/** Of tasks an earlier import made, only those whose row differs are `updated`; what has been done with them stays. */
export const planCommitOutput = z.object({ planId: id, created: z.int(), updated: z.int(), unchanged: z.int() })
