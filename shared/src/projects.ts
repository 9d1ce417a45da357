import { z } from 'zod'
import { id, idempotencyKey, name, timestamp, word } from './ids.ts'
import { rollup } from './tasks.ts'

/** Name of the project of a caller that names none. It always exists. */
export const defaultProject = 'default'

/** The isolation boundary: every agent, task, message and feed belongs to exactly one project. */
export const project = z.object({
  id,
  name,
  /** Location of the work, in the caller's own terms; the server does not read it. */
  path: z.string().nullable(),
  createdAt: timestamp,
  /** Start of the pause, in which nothing is claimed or delivered; null while the project runs. */
  pausedAt: timestamp.nullable(),
})

/** A project with its settings and its progress. */
export const projectDetail = project.extend({
  /**
   * Counted pools by name. `size` is the number of tasks that may hold `pool:<name>` at a time, and
   * `held` is the number that hold it now.
   */
  pools: z.record(z.string(), z.object({ size: z.int(), held: z.int() })),
  pausedEpics: z.array(word),
  tasks: rollup,
  /** Epics that have tasks, sorted by name; at most 200. */
  epics: z.array(z.object({ epic: word, tasks: rollup })),
})

/** Returns a project by name, default the caller's own. Another one needs the role admin. */
export const projectGetInput = z.strictObject({ project: name.optional() }).default({})

/** Pauses or resumes the caller's own project. */
export const projectPauseInput = z.strictObject({ reason: z.string().max(4_096).optional() }).default({})

/**
 * Sets the given pools to a size of 0–10 000 tasks at a time; null deletes a pool. Other pools stay
 * as they are.
 */
export const projectSetPoolsInput = z.strictObject({
  pools: z.record(word, z.int().min(0).max(10_000).nullable()),
})

export const projectCreateInput = z.strictObject({
  name,
  path: z.string().min(1).max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const projectListOutput = z.object({ projects: z.array(project) })
