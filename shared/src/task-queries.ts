import { z } from 'zod'
import { id, pageLimit, word } from './ids.ts'
import { canonicalPriority } from './priorities.ts'
import { taskStatuses } from './task-statuses.ts'
import { namedDependencyKinds } from './task-waits.ts'
import { rollup, task, taskStatusInput } from './tasks.ts'

export const taskGetInput = z.strictObject({ taskId: z.string().min(1).max(200) })

export const taskListInput = z.strictObject({
  status: taskStatusInput.optional(),
  type: word.optional(),
  epic: word.optional(),
  story: word.optional(),
  /** Id of the agent that holds or completed the task. */
  claimedBy: id.optional(),
  parentId: id.optional(),
  limit: pageLimit.default(100),
  /** `nextCursor` of the previous page. */
  cursor: z.string().max(64).optional(),
})
export const taskListOutput = z.object({ tasks: z.array(task), nextCursor: z.string().nullable() })

/** Names the root of a tree: exactly one of `taskId`, `epic` and `story`. */
export const taskTreeInput = z
  .strictObject({
    taskId: z.string().min(1).max(200).optional(),
    epic: word.optional(),
    story: word.optional(),
    /** Number of levels below the root: 1–10, default 3. */
    depth: z.int().min(1).max(10).default(3),
    /** True adds the dependencies of the nodes. Default `false`. */
    dependencies: z.boolean().default(false),
  })
  .refine(
    ({ taskId, epic, story }) => [taskId, epic, story].filter((root) => root !== undefined).length === 1,
    'name exactly one of taskId, epic and story',
  )
/**
 * The root first, then its descendants level by level; for an epic or a story, its tasks in order
 * of creation. At most 1 000 rows, with `truncated` if there were more. The rollup counts all of
 * them.
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
  /** Rollup of the epic or the story; null for the tree of one task. */
  rollup: rollup.nullable(),
  /**
   * The own dependencies of the nodes, also on tasks outside the tree; at most 5 000, with
   * `truncated` if there were more. Absent unless the call asks for them.
   */
  dependencies: z
    .array(
      z.object({
        taskId: id,
        dependsOnId: id,
        /** `blocks` is a dependency of `dependsOn`. */
        kind: z.enum(['blocks', ...namedDependencyKinds]),
        /** True while it keeps its task blocked. */
        open: z.boolean(),
      }),
    )
    .optional(),
  truncated: z.boolean(),
})

/** Reasons why a task is not running, or why an agent may not claim it. */
export const explainPredicates = [
  'ended',
  'held',
  'dependencies',
  'hold',
  'input',
  'review',
  'not_before',
  'lock',
  'pool',
  'project_paused',
  'epic_paused',
  'agent_paused',
  'agent_draining',
  'agent_offline',
  'role',
  'requires',
  'assigned_to',
] as const

const reason = z.object({
  predicate: z.enum(explainPredicates),
  /** Text for people. */
  message: z.string(),
})

export const taskExplainInput = z.strictObject({ taskId: z.string().min(1).max(200) })

/** The reasons why a task is not running. */
export const taskExplainOutput = z.object({
  taskId: id,
  status: z.enum(taskStatuses),
  /** True if some live agent could claim it now. */
  claimable: z.boolean(),
  /** Reasons that exclude every agent; empty if there are none. */
  reasons: z.array(reason),
  /** Reasons that exclude each agent: eligible agents first, then by name; at most 200. */
  agents: z.array(
    z.object({ agentId: id, name: z.string(), eligible: z.boolean(), excludedBy: z.array(z.enum(explainPredicates)) }),
  ),
  /** True if there are more agents than listed. */
  truncated: z.boolean(),
})
