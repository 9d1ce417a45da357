import { z } from 'zod'
import { id, idempotencyKey, json, timestamp, waitMs } from './ids.ts'
import { locks } from './locks.ts'
import { taskStatuses } from './task-statuses.ts'
import { artifacts, leasedTask, taskProgress } from './tasks.ts'

export const defaultLeaseMs = 30_000

/**
 * Length of a lease without a heartbeat, in milliseconds: 5 000 (5 s) to 43 200 000 (12 h), default
 * 30 000.
 */
export const leaseMs = z.int().min(5_000).max(43_200_000)

export const taskClaimInput = z.strictObject({
  /** Maximum number of tasks: 1–32, default 1. */
  limit: z.int().min(1).max(32).default(1),
  leaseMs: leaseMs.default(defaultLeaseMs),
  /** Longest wait for a task on the server, in milliseconds: 0 to 60 000, default 0. */
  waitMs: waitMs.default(0),
  /** The same key returns the same lease, so a repeat after a lost reply is safe. */
  idempotencyKey: idempotencyKey.optional(),
})
export const taskClaimOutput = z.object({ tasks: z.array(leasedTask) })

export const taskWorkInput = z.strictObject({
  /** Maximum number of tasks in flight: 1–64, default 1. */
  slots: z.int().min(1).max(64).default(1),
  leaseMs: leaseMs.default(defaultLeaseMs),
  lastEventId: z.string().max(200).optional(),
})

const leaseFields = { taskId: id, leaseToken: z.string().min(1).max(64) }

const completionFields = { ...leaseFields, result: json.optional(), artifacts: artifacts.optional() }

/**
 * Completes the task: its status is then `completed`, or `in_review` if it needs verification.
 * After the lease has ended, the call still succeeds while no agent has claimed the task since.
 * Otherwise it fails with `STALE_LEASE`, and its result is kept in the task's `orphanResults`.
 */
export const taskCompleteInput = z.strictObject(completionFields)

/** Completes one task and claims the next one in the same transaction. */
export const taskNextInput = z.strictObject({
  completed: z.strictObject(completionFields),
  leaseMs: leaseMs.default(defaultLeaseMs),
  waitMs: waitMs.default(0),
  idempotencyKey: idempotencyKey.optional(),
})
export const taskNextOutput = z.object({ tasks: z.array(leasedTask) })

export const taskExtendInput = z.strictObject({
  ...leaseFields,
  /** New length of the lease, in milliseconds. Default: the length it was claimed with. */
  leaseMs: leaseMs.optional(),
})
export const taskExtendOutput = z.object({ taskId: id, leaseExpiresAt: timestamp })

export const taskProgressInput = z.strictObject({
  ...leaseFields,
  ...taskProgress.shape,
  artifacts: artifacts.optional(),
})
export const taskProgressOutput = z.object({ taskId: id, revision: z.int() })

export const taskFailInput = z.strictObject({
  ...leaseFields,
  error: z.string().min(1).max(16_384),
  /** `false` ends the task as `failed` even if it has attempts left. Default `true`. */
  retryable: z.boolean().default(true),
  /**
   * Delay before the next attempt in place of the backoff, in milliseconds: 0 to 86 400 000 (one
   * day).
   */
  nextRetryDelayMs: z.int().min(0).max(86_400_000).optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const taskFailOutput = z.object({
  taskId: id,
  status: z.enum(taskStatuses),
  /** Time from which the task can be claimed again; null if the failure is final. */
  retryAt: timestamp.nullable(),
})

/**
 * The `reason` of a `task.released` event. `released`: its holder called `tasks.release`.
 * `takeover`: its holder registered in a new incarnation. `unregistered`: its holder unregistered.
 * `unlisted`: two heartbeats in a row did not list the lease.
 */
export const leaseReleaseReason = z.enum(['released', 'takeover', 'unregistered', 'unlisted'])
export type LeaseReleaseReason = z.output<typeof leaseReleaseReason>

export const taskReleaseInput = z.strictObject({ ...leaseFields, idempotencyKey: idempotencyKey.optional() })
export const taskReleaseOutput = z.object({ taskId: id, status: z.enum(taskStatuses) })

/**
 * Releases the lease with a question. The answer is the `input` of the next attempt. The attempt
 * that asks does not count as a failure.
 */
export const taskRequestInputInput = z.strictObject({
  ...leaseFields,
  question: z.string().min(1).max(16_384),
  /** Answers to choose from, at most 20. */
  options: z.array(z.string().min(1).max(1_000)).min(1).max(20).optional(),
  /**
   * Longest wait for the answer, in milliseconds: 1 000 to 2 592 000 000 (30 days). Default: no
   * limit.
   */
  deadlineMs: z.int().min(1_000).max(2_592_000_000).optional(),
  /** Answer that applies when `deadlineMs` has passed. Without it the task fails then. */
  defaultAnswer: json.optional(),
  /** Passed to the next attempt in its `progress`. */
  details: json.optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/**
 * Takes more locks under a lease, all or none. `LOCK_CONFLICT` names the holders of the locks that
 * conflict.
 */
export const taskLockInput = z.strictObject({ ...leaseFields, locks: locks.min(1) })
export const taskLockOutput = z.object({
  taskId: id,
  /** All locks that the lease holds now. */
  locks: z.array(z.string()),
})
