import { z } from 'zod'
import { id, idempotencyKey, json, jsonObject, text, timestamp, word } from './ids.ts'
import { locks } from './locks.ts'
import { canonicalPriority, priority } from './priorities.ts'

/**
 * `blocked` waits for other tasks, `pending` for an agent, `input_required` for an answer, `in_review` for a verdict. The last
 * three are ends.
 */
export const taskStatuses = [
  'blocked',
  'pending',
  'in_progress',
  'input_required',
  'in_review',
  'completed',
  'failed',
  'cancelled',
] as const
export type TaskStatus = (typeof taskStatuses)[number]

/** Statuses a task never leaves by itself. */
export const endedStatuses = ['completed', 'failed', 'cancelled'] as const satisfies readonly TaskStatus[]

/**
 * The legal moves of a task. SQL guards, docs and tests are read off this table.
 *
 * `complete` also leaves `pending`: the latest attempt's token still completes after its lease ran out, as long as nobody
 * has claimed the task since. What returns to the queue while a dependency is open goes to `blocked` instead of `pending`.
 */
export const taskTransitions = {
  unblock: { from: ['blocked'], to: 'pending' },
  claim: { from: ['pending'], to: 'in_progress' },
  extend: { from: ['in_progress'], to: 'in_progress' },
  progress: { from: ['in_progress'], to: 'in_progress' },
  lock: { from: ['in_progress'], to: 'in_progress' },
  complete: { from: ['in_progress', 'pending'], to: 'completed' },
  /** The `complete` of a task that is to be verified. */
  submit: { from: ['in_progress', 'pending'], to: 'in_review' },
  accept: { from: ['in_review'], to: 'completed' },
  reject: { from: ['in_review'], to: 'pending' },
  /** A failure with attempts left: claimable again after the backoff. */
  backOff: { from: ['in_progress'], to: 'pending' },
  release: { from: ['in_progress'], to: 'pending' },
  expire: { from: ['in_progress'], to: 'pending' },
  requestInput: { from: ['in_progress'], to: 'input_required' },
  provideInput: { from: ['input_required'], to: 'pending' },
  fail: { from: ['in_progress'], to: 'failed' },
  /** One of its time limits is over, or the answer it asked for did not come in time. */
  timeOut: { from: ['blocked', 'pending', 'in_progress', 'input_required'], to: 'failed' },
  /** A dependency failed or was cancelled, and its `onDependencyFailure` is `fail`. */
  cascade: { from: ['blocked'], to: 'failed' },
  /** An operator gives it all its attempts again. */
  retry: { from: ['failed'], to: 'pending' },
  /** The result of an attempt that came too late is taken after all. */
  adopt: { from: ['pending', 'in_progress', 'input_required', 'failed'], to: 'completed' },
  adoptForReview: { from: ['pending', 'in_progress', 'input_required', 'failed'], to: 'in_review' },
  /** It was given a dependency that is open; a held one waits for it once it is given back. */
  defer: { from: ['pending', 'in_progress'], to: 'blocked' },
  cancel: { from: ['blocked', 'pending', 'in_progress', 'input_required', 'in_review'], to: 'cancelled' },
} as const satisfies Record<string, { from: readonly TaskStatus[]; to: TaskStatus }>

export type TaskTransition = keyof typeof taskTransitions

/** How a failed attempt is tried again: exponential backoff with full jitter. */
export const retryPolicy = { initialIntervalMs: 1_000, backoffCoefficient: 2, maximumIntervalMs: 100_000 } as const

export const defaultMaxAttempts = 3

/**
 * The longest a `low` task waits to be claimed while others go before it. In milliseconds: 10 min, the default of
 * `MCP_MAX_STARVATION_MS`. After 0.8 of it the task goes before everything but `critical`; of those that ask the same
 * of an agent one at a time, so that of many that have waited as long the last wait longer.
 */
export const maxStarvationMs = 600_000

/** A status word on input; hyphens and underscores are equal. */
export const taskStatusWord = z
  .enum([...taskStatuses, 'in-progress', 'input-required', 'in-review'])
  .transform((value): TaskStatus => taskStatuses.find((status) => status === value.replaceAll('-', '_')) ?? 'pending')

/** A time limit of a task in milliseconds: 1 000 (1 s) to 31 536 000 000 (365 days). */
const limitMs = z.int().min(1_000).max(31_536_000_000)

/** How long one attempt may take, unless the task says otherwise: 2 h. */
export const defaultStartToCloseMs = 7_200_000

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
  /** What becomes of it when a dependency fails or is cancelled: `block` (default) leaves it blocked, `fail` ends it too. */
  onDependencyFailure: z.enum(['block', 'fail']).default('block'),
  /** `verify`: what its worker completes waits `in_review` until `tasks.verify` accepts it. Default `complete`. */
  acceptance: z.enum(['complete', 'verify']).default('complete'),
  /** How long it may wait to be claimed, each time it is; then it fails for good. Default: for ever. */
  scheduleToStartMs: limitMs.optional(),
  /** How long one attempt may take; then it is a failure like any other. Default 7 200 000 (2 h). */
  startToCloseMs: limitMs.default(defaultStartToCloseMs),
  /** How long it may take in all, from its creation until a worker completes it; then it fails for good. Default: for ever. */
  scheduleToCloseMs: limitMs.optional(),
  /** Taken with the claim and released with the lease. While one of them conflicts with what is held, nobody may claim it. */
  locks: locks.default([]),
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

/** Something a task brought forth, kept elsewhere: where it is, and what it must hash to. */
export const artifact = z.strictObject({
  name: word,
  uri: z.string().min(1).max(4_096),
  /** 64 hexadecimal digits. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
    .optional(),
  bytes: z.int().min(0).optional(),
  mediaType: z.string().min(1).max(200).optional(),
})

/** At most 64 a call, 256 a task. One of the same name replaces the earlier. */
export const artifacts = z.array(artifact).max(64)
export const artifactsOfTask = 256

/** What a worker asked before it could go on. */
export const inputRequest = z.object({
  question: z.string(),
  /** Answers to choose from; any other is good too. */
  options: z.array(z.string()).nullable(),
  /** Id of the agent that asks. */
  by: id,
  at: timestamp,
  /** When the default answer is taken, or the task fails for want of one. */
  deadlineAt: timestamp.nullable(),
})

/** The last question of the task and its answer, for the attempt that follows. */
export const inputAnswer = z.object({
  question: z.string(),
  answer: json,
  /** Null for the default answer, which nobody gave. */
  by: id.nullable(),
  at: timestamp,
})

/** The last verdict on a task's result. */
export const review = z.object({ accept: z.boolean(), note: z.string().nullable(), by: id.nullable(), at: timestamp })

/** A result that came when its lease was over. */
export const orphanResult = z.object({ attempt: z.int(), agentId: id, result: json.nullable(), at: timestamp })

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
  onDependencyFailure: z.enum(['block', 'fail']),
  requires: z.array(word),
  locks: z.array(z.string()),
  /** Id of the only agent that may claim it. */
  assignedTo: id.nullable(),
  priority: canonicalPriority,
  status: z.enum(taskStatuses),
  acceptance: z.enum(['complete', 'verify']),
  /** How often it has been claimed; only grows. */
  attempt: z.int(),
  /** What counts against `maxAttempts`: a failure or an expiry adds one; a release, a rejection or a question adds none. */
  failures: z.int(),
  maxAttempts: z.int(),
  notBefore: timestamp.nullable(),
  scheduleToStartMs: z.int().nullable(),
  startToCloseMs: z.int(),
  scheduleToCloseMs: z.int().nullable(),
  /** When the nearest of its time limits is over. */
  timeoutAt: timestamp.nullable(),
  /** Id of the agent that holds the lease or completed it; once it has `failed` or is `cancelled`, of the last that held it. Null while it waits. */
  claimedBy: id.nullable(),
  /** When the lease runs out; null unless the task is `in_progress`. Up to 250 ms past, until the lease is taken back. */
  leaseExpiresAt: timestamp.nullable(),
  progress: taskProgress.nullable(),
  result: json.nullable(),
  artifacts: z.array(artifact),
  /** What went wrong last, kept while it is tried again and when it is completed after all. Once it is `cancelled`, the `reason` given for that, or null. */
  error: z.string().nullable(),
  inputRequest: inputRequest.nullable(),
  input: inputAnswer.nullable(),
  review: review.nullable(),
  /** Results that came too late, oldest first, at most 10: `tasks.adopt` takes one after all. */
  orphanResults: z.array(orphanResult),
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

/** How many tasks there are in each status. */
export const rollup = z.object({
  total: z.int(),
  byStatus: z.record(z.enum(taskStatuses), z.int()),
  /** Share of what was not cancelled that is completed: 0–100; 100 when there is nothing. */
  percentCompleted: z.number(),
})
