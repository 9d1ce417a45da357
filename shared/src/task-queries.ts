import { z } from 'zod'
import { id, pageLimit, word } from './ids.ts'
import { canonicalPriority } from './priorities.ts'
import { rollup, task, taskStatuses, taskStatusWord } from './tasks.ts'

export const taskGetInput = z.strictObject({ taskId: z.string().min(1).max(200) })

export const taskListInput = z.strictObject({
  status: taskStatusWord.optional(),
  type: word.optional(),
  epic: word.optional(),
  story: word.optional(),
  /** Id of the agent that holds or completed it. */
  claimedBy: id.optional(),
  parentId: id.optional(),
  limit: pageLimit.default(100),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(64).optional(),
})
export const taskListOutput = z.object({ tasks: z.array(task), nextCursor: z.string().nullable() })

/** Exactly one of the three. */
export const taskTreeInput = z
  .strictObject({
    taskId: z.string().min(1).max(200).optional(),
    epic: word.optional(),
    story: word.optional(),
    /** How many levels below the root: 1–10, default 3. */
    depth: z.int().min(1).max(10).default(3),
  })
  .refine(
    ({ taskId, epic, story }) => [taskId, epic, story].filter((root) => root !== undefined).length === 1,
    'name exactly one of taskId, epic and story',
  )
/**
 * The root first, then its descendants level by level; of an epic or a story its tasks in order of creation. At most 1 000
 * rows, `truncated` when there were more; the roll-up counts them all.
 */
export const taskTreeOutput = z.object({
  nodes: z.array(
    z.object({
      id,
      parentId: id.nullable(),
      depth: z.int(),
      type: word,
      title: z.string().nullable(),
      status: z.enum(taskStatuses),
      priority: canonicalPriority,
    }),
  ),
  /** Of the epic or the story; null for the tree of one task. */
  rollup: rollup.nullable(),
  truncated: z.boolean(),
})

/** What keeps a task from running, or an agent from it. */
export const predicates = [
  'ended',
  'held',
  'dependencies',
  'input',
  'review',
  'notBefore',
  'lock',
  'pool',
  'projectPaused',
  'epicPaused',
  'agentPaused',
  'agentDraining',
  'agentOffline',
  'role',
  'requires',
  'assignedTo',
] as const

const reason = z.object({
  predicate: z.enum(predicates),
  /** For a reader. */
  message: z.string(),
})

export const taskExplainInput = z.strictObject({ taskId: z.string().min(1).max(200) })

/** Why a task is not running. */
export const taskExplainOutput = z.object({
  taskId: id,
  status: z.enum(taskStatuses),
  /** Whether some live agent could claim it now. */
  claimable: z.boolean(),
  /** What keeps everyone from it; empty when nothing does. */
  reasons: z.array(reason),
  /** What keeps each agent from it, the agents that may claim it first; at most 200, by name. */
  agents: z.array(
    z.object({ agentId: id, name: z.string(), eligible: z.boolean(), excludedBy: z.array(z.enum(predicates)) }),
  ),
  /** Whether there are more agents than are listed. */
  truncated: z.boolean(),
})
