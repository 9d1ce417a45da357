import { z } from 'zod'
import { agentRef, agentStatuses, healthSample } from './agents.ts'
import { id, idempotencyKey, timestamp } from './ids.ts'

/** What an agent says of itself now. A heartbeat carries the same sample. */
export const healthReportInput = healthSample
  .extend({ idempotencyKey: idempotencyKey.optional() })
  .refine(
    ({ idempotencyKey: _, ...sample }) => Object.values(sample).some((value) => value !== undefined),
    'report at least one figure',
  )
export const healthReportOutput = z.object({ agentId: id, at: timestamp })

/** One report as it is kept. */
export const storedSample = z.object({
  at: timestamp,
  requestsHandled: z.int().nullable(),
  /** In milliseconds. */
  avgResponseTimeMs: z.number().nullable(),
  /** 0–1. */
  errorRate: z.number().nullable(),
  /** Share of one core. */
  cpuUsage: z.number().nullable(),
  /** In bytes. */
  memoryUsage: z.number().nullable(),
})

/** So many samples of one agent count in a summary, the newest: an hour of heartbeats every 10 s. */
export const summarySamples = 360

export const healthSummaryInput = z
  .strictObject({
    /**
     * Averages are over the samples of this long, in milliseconds: 1 000 to 86 400 000 (one day), default 300 000 (5 min). Of
     * each agent its newest 360 at most.
     */
    windowMs: z.int().min(1_000).max(86_400_000).default(300_000),
  })
  .default({ windowMs: 300_000 })

export const healthSummaryOutput = z.object({
  /**
   * `unhealthy`: no agent is live. `degraded`: some are offline, or the newest report of one within the window has an error
   * rate above 0.5. `healthy`: neither.
   */
  status: z.enum(['healthy', 'degraded', 'unhealthy']),
  agents: z.object({ total: z.int(), byStatus: z.record(z.enum(agentStatuses), z.int()) }),
  /** Over the window, of the agents that reported: the sum of what they handled, the means of the rest; null where none said. */
  metrics: storedSample.omit({ at: true }),
  /** The newest sample of each agent that reported within the window, by name. At most 500. */
  reports: z.array(storedSample.extend({ agentId: id, name: z.string() })),
})

export const healthHistoryInput = z.strictObject({
  agent: agentRef,
  /** From here on. */
  since: timestamp.optional(),
  /** Before this. */
  until: timestamp.optional(),
  /** 1–1 000, default 100. */
  limit: z.int().min(1).max(1_000).default(100),
})
/** Newest first. */
export const healthHistoryOutput = z.object({ agentId: id, samples: z.array(storedSample) })
