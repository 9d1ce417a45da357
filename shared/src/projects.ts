import { z } from 'zod'
import { id, idempotencyKey, name, timestamp } from './ids.ts'

/** The project every caller is in unless it names another. It always exists. */
export const defaultProject = 'default'

/** The isolation boundary: every agent, task, message and feed belongs to exactly one project. */
export const project = z.object({
  id,
  name,
  /** Where the work lives, as the caller calls it; the server does not read it. */
  path: z.string().nullable(),
  createdAt: timestamp,
})

export const projectCreateInput = z.strictObject({
  name,
  path: z.string().min(1).max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const projectListOutput = z.object({ projects: z.array(project) })
