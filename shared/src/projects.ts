import { z } from 'zod'
import { id, idempotencyKey, name, timestamp, word } from './ids.ts'
import { rollup } from './tasks.ts'

/** The project every caller is in unless it names another. It always exists. */
export const defaultProject = 'default'

/** The isolation boundary: every agent, task, message and feed belongs to exactly one project. */
export const project = z.object({
  id,
  name,
  /** Where the work lives, as the caller calls it; the server does not read it. */
  path: z.string().nullable(),
  createdAt: timestamp,
  /** Since when nothing is claimed or delivered in it; null while it runs. */
  pausedAt: timestamp.nullable(),
})

/** A project with what it is set to, and how far it is. */
export const projectDetail = project.extend({
  /** Counted pools: how many tasks may hold `pool:<name>` at a time, and how many do. */
  pools: z.record(z.string(), z.object({ size: z.int(), held: z.int() })),
  pausedEpics: z.array(word),
  tasks: rollup,
  /** The epics that have tasks, by name; at most 200. */
  epics: z.array(z.object({ epic: word, tasks: rollup })),
})

/** Without a name: the caller's own. Another one needs the role admin. */
export const projectGetInput = z.strictObject({ project: name.optional() }).default({})

/** The caller's own project. */
export const projectPauseInput = z.strictObject({ reason: z.string().max(4_096).optional() }).default({})

/** Sets the sizes that are given: 0–10 000 tasks at a time; null does away with a pool. The others stay. */
export const projectSetPoolsInput = z.strictObject({
  pools: z.record(word, z.int().min(0).max(10_000).nullable()),
})

export const projectCreateInput = z.strictObject({
  name,
  path: z.string().min(1).max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const projectListOutput = z.object({ projects: z.array(project) })
