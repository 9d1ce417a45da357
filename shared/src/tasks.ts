import { z } from 'zod'
import { id, idempotencyKey, json, jsonObject, pageLimit, text, timestamp, waitMs, word } from './ids.ts'
import { canonicalPriority, priority } from './priorities.ts'

export const taskStatuses = ['blocked', 'pending', 'in_progress', 'completed', 'failed', 'cancelled'] as const
export type TaskStatus = (typeof taskStatuses)[number]

/** Statuses a task never leaves by itself. */
export const endedStatuses = ['completed', 'failed', 'cancelled'] as const satisfies readonly TaskStatus[]

/**
 * The legal moves of a task. SQL guards, docs and tests are read off this table.
 *
 * `complete` also leaves `pending`: the latest attempt's token still completes after its lease ran out, as long as nobody
 * has claimed the task since.
 */
export const taskTransitions = {
  unblock: { from: ['blocked'], to: 'pending' },
  claim: { from: ['pending'], to: 'in_progress' },
  extend: { from: ['in_progress'], to: 'in_progress' },
  progress: { from: ['in_progress'], to: 'in_progress' },
  complete: { from: ['in_progress', 'pending'], to: 'completed' },
  retry: { from: ['in_progress'], to: 'pending' },
  release: { from: ['in_progress'], to: 'pending' },
  expire: { from: ['in_progress'], to: 'pending' },
  fail: { from: ['in_progress'], to: 'failed' },
  /** A plan imported again gave it a dependency that is open; a held one waits for it once it is given back. */
  defer: { from: ['pending', 'in_progress'], to: 'blocked' },
  cancel: { from: ['blocked', 'pending', 'in_progress'], to: 'cancelled' },
} as const satisfies Record<string, { from: readonly TaskStatus[]; to: TaskStatus }>

export type TaskTransition = keyof typeof taskTransitions

/** How a failed attempt is tried again: exponential backoff with full jitter. */
export const retryPolicy = { initialIntervalMs: 1_000, backoffCoefficient: 2, maximumIntervalMs: 100_000 } as const

export const defaultMaxAttempts = 3
export const defaultLeaseMs = 30_000

/** How long a lease lasts without a heartbeat, in milliseconds: 5 000 (5 s) to 43 200 000 (12 h), default 30 000. */
export const leaseMs = z.int().min(5_000).max(43_200_000)

/** A status word on input; hyphens and underscores are equal. */
export const taskStatusWord = z
  .enum([...taskStatuses, 'in-progress'])
  .transform((value): TaskStatus => (value === 'in-progress' ? 'in_progress' : value))

const taskFields = {
  /** What kind of work it is. */
  type: word,
  epic: word.optional(),
  story: word.optional(),
  title: z.string().max(1_000).optional(),
  description: text.optional(),
  parentId: id.optional(),
  /** Ids of tasks that must be completed before this one may be claimed. At most 200. */
  dependsOn: z.array(z.string().min(1).max(200)).max(200).default([]),
  /** Capabilities an agent must hold to claim it. At most 16. */
  requires: z.array(word).max(16).default([]),
  /** Id or name of the only agent that may claim it. */
  assignedTo: z.string().min(1).max(128).optional(),
  priority: priority.default('normal'),
  /** How many failures end it as `failed`: 1–100, default 3. */
  maxAttempts: z.int().min(1).max(100).default(defaultMaxAttempts),
  /** Not claimable before this moment. */
  notBefore: timestamp.optional(),
  metadata: jsonObject.default({}),
}

/** A task to create. Keys the contract does not know are kept in `metadata`. */
export const taskSpec = z.looseObject(taskFields)
export type TaskSpec = z.output<typeof taskSpec>
export const taskSpecKeys: readonly string[] = Object.keys(taskFields)

export const taskCreateInput = z.looseObject({ ...taskFields, idempotencyKey: idempotencyKey.optional() })

/**
 * Up to 200 tasks in one transaction. A `key` names a task inside the call, so that `dependsOn` and `parentId` of others can
 * name it before it has an id.
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

export const taskProgress = z.object({
  /** 0–100. */
  percent: z.number().min(0).max(100).optional(),
  message: z.string().max(4_096).optional(),
  /** Handed to the next attempt: where to take the work up again. */
  details: json.optional(),
})

export const task = z.object({
  id,
  /** The id the task had where it was imported from. */
  externalId: z.string().nullable(),
  type: word,
  epic: word.nullable(),
  story: word.nullable(),
  title: z.string().nullable(),
  description: text.nullable(),
  parentId: id.nullable(),
  dependsOn: z.array(id),
  requires: z.array(word),
  /** Id of the only agent that may claim it. */
  assignedTo: id.nullable(),
  priority: canonicalPriority,
  status: z.enum(taskStatuses),
  /** How often it has been claimed; only grows. */
  attempt: z.int(),
  /** What counts against `maxAttempts`: a failure or an expiry adds one; a release adds none. */
  failures: z.int(),
  maxAttempts: z.int(),
  notBefore: timestamp.nullable(),
  /** Id of the agent that holds the lease, or completed it. */
  claimedBy: id.nullable(),
  leaseExpiresAt: timestamp.nullable(),
  progress: taskProgress.nullable(),
  result: json.nullable(),
  error: z.string().nullable(),
  /** Grows with every change of the task. */
  revision: z.int(),
  metadata: jsonObject,
  createdBy: id.nullable(),
  createdAt: timestamp,
  completedAt: timestamp.nullable(),
})

/** A claimed task with the lease on it. The token is opaque and proves the holder. */
export const leasedTask = task.extend({ leaseToken: z.string(), leaseExpiresAt: timestamp })

export const taskCreateManyOutput = z.object({ tasks: z.array(z.object({ id, key: z.string().nullable() })) })

export const taskClaimInput = z.strictObject({
  /** How many tasks at most: 1–32, default 1. */
  limit: z.int().min(1).max(32).default(1),
  leaseMs: leaseMs.default(defaultLeaseMs),
  /** Block on the server until there is work, at most this long. */
  waitMs: waitMs.default(0),
  /** The same key finds the same lease again: safe to repeat when the reply was lost. */
  idempotencyKey: idempotencyKey.optional(),
})
export const taskClaimOutput = z.object({ tasks: z.array(leasedTask) })

export const taskWorkInput = z.strictObject({
  /** How many tasks the subscription may have in flight: 1–64, default 1. */
  slots: z.int().min(1).max(64).default(1),
  leaseMs: leaseMs.default(defaultLeaseMs),
  lastEventId: z.string().max(200).optional(),
})

const lease = { taskId: id, leaseToken: z.string().min(1).max(64) }

export const taskCompleteInput = z.strictObject({ ...lease, result: json.optional() })
export const taskCompleteOutput = z.object({ taskId: id, status: z.enum(taskStatuses), revision: z.int() })

/** Completes one lease and claims the next task in the same transaction. */
export const taskNextInput = z.strictObject({
  completed: z.strictObject({ ...lease, result: json.optional() }),
  leaseMs: leaseMs.default(defaultLeaseMs),
  waitMs: waitMs.default(0),
  idempotencyKey: idempotencyKey.optional(),
})
export const taskNextOutput = z.object({ tasks: z.array(leasedTask) })

export const taskExtendInput = z.strictObject({
  ...lease,
  /** Default: the length the lease was claimed with. */
  leaseMs: leaseMs.optional(),
})
export const taskExtendOutput = z.object({ taskId: id, leaseExpiresAt: timestamp })

export const taskProgressInput = z.strictObject({ ...lease, ...taskProgress.shape })
export const taskProgressOutput = z.object({ taskId: id, revision: z.int() })

export const taskFailInput = z.strictObject({
  ...lease,
  error: z.string().min(1).max(16_384),
  /** `false` ends the task as `failed` whatever attempts are left. Default `true`. */
  retryable: z.boolean().default(true),
  /** Overrides the backoff, in milliseconds: 0 to 86 400 000 (one day). */
  nextRetryDelayMs: z.int().min(0).max(86_400_000).optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const taskFailOutput = z.object({
  taskId: id,
  status: z.enum(taskStatuses),
  /** When it can be claimed again; null when it is final. */
  retryAt: timestamp.nullable(),
})

export const taskReleaseInput = z.strictObject({ ...lease, idempotencyKey: idempotencyKey.optional() })
export const taskReleaseOutput = z.object({ taskId: id, status: z.enum(taskStatuses) })

export const taskCancelInput = z.strictObject({
  taskId: id,
  reason: z.string().max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const taskCancelOutput = z.object({ taskId: id, status: z.enum(taskStatuses), revision: z.int() })

export const taskGetInput = z.strictObject({ taskId: z.string().min(1).max(200) })

export const taskListInput = z.strictObject({
  status: taskStatusWord.optional(),
  type: word.optional(),
  epic: word.optional(),
  /** Id of the agent that holds or completed it. */
  claimedBy: id.optional(),
  parentId: id.optional(),
  limit: pageLimit.default(100),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(64).optional(),
})
export const taskListOutput = z.object({ tasks: z.array(task), nextCursor: z.string().nullable() })

export const taskTreeInput = z.strictObject({
  taskId: z.string().min(1).max(200),
  /** How many levels below the root: 1–10, default 3. */
  depth: z.int().min(1).max(10).default(3),
})
/** The root first, then its descendants level by level; at most 1 000 rows, `truncated` when there were more. */
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
  truncated: z.boolean(),
})
