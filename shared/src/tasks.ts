import { z } from 'zod'
import { id, json, jsonObject, text, timestamp, word } from './ids.ts'
import { locks } from './locks.ts'
import { canonicalPriority, priority } from './priorities.ts'
import { type TaskStatus, taskStatuses } from './task-statuses.ts'
import { holdReason, taskHold, waitsForEntry } from './task-waits.ts'

/** Backoff between the attempts of a task: exponential with full jitter. */
export const retryPolicy = { initialIntervalMs: 1_000, backoffCoefficient: 2, maximumIntervalMs: 100_000 } as const

export const defaultMaxAttempts = 3

/**
 * The intended maximum wait of a `low` task under higher priorities, in milliseconds: 10 min, the
 * default of `MCP_MAX_STARVATION_MS`. After 0.8 of it the task precedes all but `critical` ones.
 * Each claim group promotes one task at a time, so the last of many tasks of one age exceed the
 * maximum.
 */
export const defaultMaxStarvationMs = 600_000

/** A status on input; hyphens and underscores are equal. */
export const taskStatusInput = z
  .enum([...taskStatuses, 'in-progress', 'input-required', 'in-review'])
  .transform((value): TaskStatus => taskStatuses.find((status) => status === value.replaceAll('-', '_')) ?? 'pending')

/** A time limit of a task in milliseconds: 1 000 (1 s) to 31 536 000 000 (365 days). */
const timeLimitMs = z.int().min(1_000).max(31_536_000_000)

/** Default time limit of one attempt, in milliseconds: 2 h. */
export const defaultStartToCloseMs = 7_200_000

export const taskFields = {
  /** Kind of work. */
  type: word,
  epic: word.optional(),
  story: word.optional(),
  title: z.string().max(1_000).optional(),
  description: text.optional(),
  /** Conditions that the result must meet. */
  acceptanceCriteria: text.optional(),
  /** How the work should be done. */
  design: text.optional(),
  /** Anything else that the worker should read. */
  notes: text.optional(),
  /**
   * Id of its parent. The parent cannot be claimed before its children have ended. Each child also
   * waits for the dependencies of its parent, except for a dependency that itself waits for the
   * child.
   */
  parentId: id.optional(),
  /** Ids of tasks that must be completed before this one can be claimed. At most 200. */
  dependsOn: z.array(z.string().min(1).max(200)).max(200).default([]),
  /** Dependencies of other kinds. At most 200. */
  waitsFor: z.array(waitsForEntry).max(200).default([]),
  /** Capabilities that an agent needs to claim it. At most 16. */
  requires: z.array(word).max(16).default([]),
  /** Id or name of the only agent that may claim it. */
  assignedTo: z.string().min(1).max(128).optional(),
  priority: priority.default('normal'),
  /** Number of failures after which it is `failed`: 1–100, default 3. */
  maxAttempts: z.int().min(1).max(100).default(defaultMaxAttempts),
  /** Time before which it cannot be claimed. */
  notBefore: timestamp.optional(),
  /**
   * Effect of a failed or cancelled dependency: `block` (default) leaves it blocked, `fail` ends it
   * too.
   */
  onDependencyFailure: z.enum(['block', 'fail']).default('block'),
  /**
   * Effect of the end of its last child: `claim` (default) makes it claimable, `complete` completes
   * it. If a child has failed, it becomes claimable in either case.
   */
  onChildrenEnd: z.enum(['claim', 'complete']).default('claim'),
  /** Holds the new task with this reason: it cannot be claimed until `tasks.unhold`. */
  hold: holdReason.optional(),
  /**
   * `verify`: a completed task is `in_review` until `tasks.verify` accepts it. Default `complete`.
   */
  acceptance: z.enum(['complete', 'verify']).default('complete'),
  /** Longest wait for each claim, in milliseconds; then it fails for good. Default: no limit. */
  scheduleToStartMs: timeLimitMs.optional(),
  /** Longest attempt, in milliseconds; then the attempt fails. Default 7 200 000 (2 h). */
  startToCloseMs: timeLimitMs.default(defaultStartToCloseMs),
  /**
   * Longest time from creation to completion, in milliseconds; then it fails for good. Default: no
   * limit.
   */
  scheduleToCloseMs: timeLimitMs.optional(),
  /**
   * Taken with the claim, released with the lease. The task cannot be claimed while a held lock
   * conflicts.
   */
  locks: locks.default([]),
  metadata: jsonObject.default({}),
}

/** A task to create. Unknown keys are kept in `metadata`. */
export const taskSpec = z.looseObject(taskFields)
export type TaskSpec = z.output<typeof taskSpec>
export const taskSpecKeys: readonly string[] = Object.keys(taskFields)

export const taskProgress = z.object({
  /** Per cent of the work, 0–100. */
  percent: z.number().min(0).max(100).optional(),
  message: z.string().max(4_096).optional(),
  /** Passed to the next attempt, which can go on from there. */
  details: json.optional(),
})

/** A product of a task that is stored elsewhere, with its location and its hash. */
export const artifact = z.strictObject({
  name: word,
  uri: z.string().min(1).max(4_096),
  /** 64 lower-case hexadecimal digits. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
    .optional(),
  bytes: z.int().min(0).optional(),
  mediaType: z.string().min(1).max(200).optional(),
})

/** At most 64 a call and 256 a task. A new artifact replaces one of the same name. */
export const artifacts = z.array(artifact).max(64)
export const maxArtifactsPerTask = 256

/** The question of a worker that waits for its answer. */
export const inputRequest = z.object({
  question: z.string(),
  /** Answers to choose from; any other answer is valid too. */
  options: z.array(z.string()).nullable(),
  /** Id of the agent that asks. */
  by: id,
  at: timestamp,
  /** Time at which the default answer applies or, without one, the task fails. */
  deadlineAt: timestamp.nullable(),
})

/** The task's last question and its answer, for the next attempt. */
export const inputAnswer = z.object({
  question: z.string(),
  answer: json,
  /** Id of the agent that answered; null for a developer and for the default answer. */
  by: id.nullable(),
  at: timestamp,
})

/** The last verdict on a task's result. */
export const review = z.object({ accept: z.boolean(), note: z.string().nullable(), by: id.nullable(), at: timestamp })

/** The result of a late completion that did not count. */
export const orphanResult = z.object({ attempt: z.int(), agentId: id, result: json.nullable(), at: timestamp })

export const task = z.object({
  id,
  /** Id of the task in the imported plan. */
  externalId: z.string().nullable(),
  type: word,
  epic: word.nullable(),
  story: word.nullable(),
  title: z.string().nullable(),
  description: text.nullable(),
  acceptanceCriteria: text.nullable(),
  design: text.nullable(),
  notes: text.nullable(),
  parentId: id.nullable(),
  dependsOn: z.array(id),
  waitsFor: z.array(waitsForEntry),
  onDependencyFailure: z.enum(['block', 'fail']),
  onChildrenEnd: z.enum(['claim', 'complete']),
  /** Null if the task is not held. */
  hold: taskHold.nullable(),
  requires: z.array(word),
  locks: z.array(z.string()),
  /** Id of the only agent that may claim it. */
  assignedTo: id.nullable(),
  priority: canonicalPriority,
  status: z.enum(taskStatuses),
  acceptance: z.enum(['complete', 'verify']),
  /** Number of claims; it only grows. */
  attempt: z.int(),
  /**
   * Failures that count against `maxAttempts`: a failure or an expiry adds one; a release, a
   * rejection or a question adds none.
   */
  failures: z.int(),
  maxAttempts: z.int(),
  notBefore: timestamp.nullable(),
  scheduleToStartMs: z.int().nullable(),
  startToCloseMs: z.int(),
  scheduleToCloseMs: z.int().nullable(),
  /** Time at which the nearest of its time limits passes. */
  timeoutAt: timestamp.nullable(),
  /**
   * Id of the agent that holds or completed the task; if it is `failed` or `cancelled`, of its last
   * holder. Null while it waits.
   */
  claimedBy: id.nullable(),
  /** Expiry of the lease, up to 250 ms in the past; null unless the task is `in_progress`. */
  leaseExpiresAt: timestamp.nullable(),
  progress: taskProgress.nullable(),
  result: json.nullable(),
  artifacts: z.array(artifact),
  /**
   * Error of the last failure, kept during later attempts and after a completion. For a `cancelled`
   * task the `reason` of the cancellation, or null.
   */
  error: z.string().nullable(),
  inputRequest: inputRequest.nullable(),
  input: inputAnswer.nullable(),
  review: review.nullable(),
  /** Results of late completions that did not count, oldest first, at most 10. */
  orphanResults: z.array(orphanResult),
  /** Grows with every change of the task. */
  revision: z.int(),
  metadata: jsonObject,
  createdBy: id.nullable(),
  createdAt: timestamp,
  completedAt: timestamp.nullable(),
})

/** A claimed task with its lease. The token is opaque and proves the holder. */
export const leasedTask = task.extend({ leaseToken: z.string(), leaseExpiresAt: timestamp })

/** Number of tasks in total and by status. */
export const rollup = z.object({
  total: z.int(),
  byStatus: z.record(z.enum(taskStatuses), z.int()),
  /** Completed share of the tasks that were not cancelled: 0–100; 100 if there are none. */
  percentCompleted: z.number(),
})
