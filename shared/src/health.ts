import { z } from 'zod'
import { agentRef, agentStatuses, healthSample } from './agents.ts'
import { id, idempotencyKey, timestamp } from './ids.ts'

/** An agent's report about itself, with at least one field. A heartbeat carries the same sample. */
export const healthReportInput = healthSample
  .extend({ idempotencyKey: idempotencyKey.optional() })
  .refine(
    ({ idempotencyKey: _, ...sample }) => Object.values(sample).some((value) => value !== undefined),
    'report at least one figure',
  )
export const healthReportOutput = z.object({ agentId: id, at: timestamp })

/** One stored report. A field that was not reported is null. */
export const storedSample = z.object({
  at: timestamp,
  requestsHandled: z.int().nullable(),
  /** Mean response time, in milliseconds. */
  avgResponseTimeMs: z.number().nullable(),
  /** Share of failed requests, 0–1. */
  errorRate: z.number().nullable(),
  /** Share of one core; above 1 with several cores. */
  cpuUsage: z.number().nullable(),
  /** Resident memory, in bytes. */
  memoryUsage: z.number().nullable(),
})

/**
 * Maximum number of an agent's samples in a summary, the newest ones: an hour of heartbeats every
 * 10 s.
 */
export const maxSummarySamples = 360

export const healthSummaryInput = z
  .strictObject({
    /**
     * Period of the averages, in milliseconds: 1 000 to 86 400 000 (one day), default 300 000 (5
     * min). At most the newest 360 samples of each agent count.
     */
    windowMs: z.int().min(1_000).max(86_400_000).default(300_000),
  })
  .default({ windowMs: 300_000 })

export const healthSummaryOutput = z.object({
  /**
   * `unhealthy`: no agent is live. `degraded`: some agents are offline, or the newest report of an
   * agent within the window has an error rate above 0.5. `healthy`: neither.
   */
  status: z.enum(['healthy', 'degraded', 'unhealthy']),
  agents: z.object({ total: z.int(), byStatus: z.record(z.enum(agentStatuses), z.int()) }),
  /**
   * Over the agents that reported within the window: the sum of `requestsHandled`, and the means of
   * the other fields. Null if no agent reported the field.
   */
  metrics: storedSample.omit({ at: true }),
  /** Newest sample of each agent that reported within the window, sorted by name. At most 500. */
  reports: z.array(storedSample.extend({ agentId: id, name: z.string() })),
})

export const healthHistoryInput = z.strictObject({
  agent: agentRef,
  /** Only samples at or after this time. */
  since: timestamp.optional(),
  /** Only samples before this time. */
  until: timestamp.optional(),
  /** Maximum number of samples: 1–1 000, default 100. */
  limit: z.int().min(1).max(1_000).default(100),
})
/** Newest first. */
export const healthHistoryOutput = z.object({ agentId: id, samples: z.array(storedSample) })
