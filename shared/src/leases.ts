import { z } from 'zod'
import { id, idempotencyKey, json, timestamp, waitMs } from './ids.ts'
import { locks } from './locks.ts'
import { artifacts, leasedTask, taskProgress, taskStatuses } from './tasks.ts'

export const defaultLeaseMs = 30_000

/** How long a lease lasts without a heartbeat, in milliseconds: 5 000 (5 s) to 43 200 000 (12 h), default 30 000. */
export const leaseMs = z.int().min(5_000).max(43_200_000)

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

const completion = { ...lease, result: json.optional(), artifacts: artifacts.optional() }

/**
 * Ends the task as `completed`, or puts it `in_review` where it is to be verified. With the token of a lease that is over it is
 * refused with `STALE_LEASE`, and its result is kept among the task's `orphanResults`.
 */
export const taskCompleteInput = z.strictObject(completion)

/** Completes one lease and claims the next task in the same transaction. */
export const taskNextInput = z.strictObject({
  completed: z.strictObject(completion),
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

export const taskProgressInput = z.strictObject({ ...lease, ...taskProgress.shape, artifacts: artifacts.optional() })
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

/** Gives the lease back with a question; the answer is the next attempt's `input`. Burns no attempt. */
export const taskRequestInputInput = z.strictObject({
  ...lease,
  question: z.string().min(1).max(16_384),
  /** Answers to choose from. At most 20. */
  options: z.array(z.string().min(1).max(1_000)).min(1).max(20).optional(),
  /** How long to wait for the answer, in milliseconds: 1 000 to 2 592 000 000 (30 days). Default: for ever. */
  deadlineMs: z.int().min(1_000).max(2_592_000_000).optional(),
  /** Taken when the deadline passes; without one the task fails then. */
  defaultAnswer: json.optional(),
  /** Handed to the next attempt as its `progress`. */
  details: json.optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/** Takes locks under a lease, all or none, on top of those it holds; `LOCK_CONFLICT` tells who holds what is in the way. */
export const taskLockInput = z.strictObject({ ...lease, locks: locks.min(1) })
export const taskLockOutput = z.object({
  taskId: id,
  /** Everything the lease holds now. */
  locks: z.array(z.string()),
})
