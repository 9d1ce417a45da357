import { z } from 'zod'
import { timestamp } from './ids.ts'

/** The ranges of a history: the length of a step in milliseconds, and the number of steps. */
export const historyRanges = {
  '1h': { stepMs: 10_000, steps: 360 },
  '24h': { stepMs: 60_000, steps: 1_440 },
  '7d': { stepMs: 600_000, steps: 1_008 },
} as const

export type HistoryRange = keyof typeof historyRanges

export const systemHistoryInput = z
  .strictObject({
    /** Steps of 10 s, 1 min or 10 min. Default `1h`. */
    range: z.enum(['1h', '24h', '7d']).default('1h'),
  })
  .default({ range: '1h' })

/**
 * One value for each step, oldest first. Null stands for a step without a sample: no server was
 * running, or the project was empty.
 */
const series = z.array(z.number().nullable())

/**
 * The history of the caller's project in equal steps, the last of which has ended. A count is that
 * of its step; a state is that at the end of its step.
 */
export const systemHistoryOutput = z.object({
  range: z.enum(['1h', '24h', '7d']),
  /** Begin of the first step. Step `n` begins `n * stepMs` later. */
  from: timestamp,
  /** Length of a step, in milliseconds. */
  stepMs: z.int(),
  /** State: tasks by status. */
  tasks: z.object({
    blocked: series,
    pending: series,
    in_progress: series,
    input_required: series,
    in_review: series,
    completed: series,
    failed: series,
    cancelled: series,
  }),
  /** State: pending tasks by priority. */
  pending: z.object({ critical: series, high: series, normal: series, low: series }),
  /** State: wait of the task that is claimed next of each priority, in milliseconds. */
  oldestReadyMs: z.object({ critical: series, high: series, normal: series, low: series }),
  /** Counts of tasks. An expired lease that fails its task counts as failed. */
  created: series,
  completed: series,
  failed: series,
  cancelled: series,
  /** Count: claimed tasks. */
  claimed: series,
  /** Mean and longest wait of the claimed tasks, in milliseconds, since they became ready. */
  claimWaitMs: series,
  claimWaitMaxMs: series,
  /** Counts of messages: sent copies, acked, returned to the inbox for a redelivery, and dead. */
  messagesSent: series,
  messagesAcked: series,
  messagesReturned: series,
  messagesDead: series,
  /** Count: events of the feed. */
  events: series,
  /** Count: calls of the project that were refused for a limit or for overload. */
  refused: series,
  /** State: share of the live agents, 0 to 1, that are idle while only locked tasks are left. */
  lockWaitShare: series,
  /** Longest delay of the server's event loop, in milliseconds. */
  loopLagMs: series,
  /** State: size of the database, of all projects, in bytes. */
  databaseBytes: series,
})
