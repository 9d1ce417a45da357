import { z } from 'zod'
import { id, timestamp } from './ids.ts'

/**
 * Dependencies other than those of `dependsOn`. `children`: every child of the named task has
 * ended. `failure`: the named task has failed; if it ends otherwise, this one stays `blocked`.
 */
export const namedDependencyKinds = ['children', 'failure'] as const

/** A dependency of another kind than `dependsOn`. */
export const waitsForEntry = z.strictObject({
  taskId: z.string().min(1).max(200),
  kind: z.enum(namedDependencyKinds),
})

/** Reason of a hold, for people: 1–4 096 characters. */
export const holdReason = z.string().min(1).max(4_096)

/** The reason of a hold and its agent; null for a developer without an agent. */
export const taskHold = z.object({ reason: z.string(), by: id.nullable(), at: timestamp })
