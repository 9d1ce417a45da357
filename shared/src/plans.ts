import { z } from 'zod'
import { id, idempotencyKey, word } from './ids.ts'
import { taskStatuses } from './task-statuses.ts'
import { taskSpec } from './tasks.ts'

/** Statuses in which an imported task can start. */
export const plannedStatuses = ['pending', 'completed', 'failed', 'cancelled'] as const

/**
 * One task of a plan. `externalId` is its id in the imported file. `dependsOn`, `waitsFor` and
 * `parentId` name external ids of the same plan or of an earlier one.
 */
export const plannedTask = taskSpec.omit({ parentId: true }).extend({
  externalId: z.string().min(1).max(200),
  parentId: z.string().min(1).max(200).optional(),
  status: z.enum(plannedStatuses).default('pending'),
})
export type PlannedTask = z.output<typeof plannedTask>

export const planBeginInput = z.strictObject({ name: word, idempotencyKey: idempotencyKey.optional() })
export const planBeginOutput = z.object({ planId: id })

/** Tasks of a plan. A publication holds their names in memory. */
export const planTaskLimit = 100_000

/** Characters of the names in a plan: external ids, dependencies, locks and assignees. */
export const planNamesCharacterLimit = 33_554_432

/** Stages up to 200 tasks. A task replaces a staged one with the same `externalId`. */
export const planAddInput = z.strictObject({ planId: id, tasks: z.array(plannedTask).min(1).max(200) })
export const planAddOutput = z.object({ planId: id, staged: z.int() })

/** Discards the plan and its staged tasks. Tasks that are published already stay. */
export const planAbortInput = z.strictObject({ planId: id })
export const planAbortOutput = z.object({ planId: id, discarded: z.int() })

/**
 * Publishes the staged tasks. A refusal publishes none of them: `INVALID_INPUT` for a name that is
 * neither in the plan nor in the project, `NOT_FOUND` for an agent that is not registered,
 * `DEPENDENCY_CYCLE` for tasks that wait for each other. They are published in steps of about
 * 10 ms, in the order of their dependencies. A call that was interrupted can be repeated.
 */
export const planCommitInput = z.strictObject({ planId: id, idempotencyKey: idempotencyKey.optional() })
/** A task whose status here stays, although the plan has another one. */
export const keptTask = z.object({
  externalId: z.string(),
  /** Its status here. */
  status: z.enum(taskStatuses),
  /** Its status in the plan. */
  planned: z.enum(plannedStatuses),
})

/** The number of kept tasks that a reply names. The others are counted. */
export const maxNamedKeptTasks = 100

/**
 * Number of tasks by outcome. A task of an earlier import is `updated` if its row differs or if the
 * plan has ended or reopened it. A task is `kept` if its status differs from the one in the plan
 * and stays, because an agent works on the task or because it ended on this server. At most 100
 * kept tasks are listed.
 */
export const planCommitOutput = z.object({
  planId: id,
  created: z.int(),
  updated: z.int(),
  unchanged: z.int(),
  kept: z.object({ total: z.int(), tasks: z.array(keptTask) }),
})
