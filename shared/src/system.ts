import { z } from 'zod'
import { agentStatuses } from './agents.ts'
import { timestamp } from './ids.ts'
import { rollup } from './tasks.ts'

/** The version of what is on the wire. A client of the previous minor version works against this one and the reverse. */
export const protocolVersion = '1.0'

export const systemInfoOutput = z.object({
  name: z.literal('tony-mcp'),
  version: z.string(),
  protocolVersion: z.string(),
  mode: z.enum(['dev', 'serve']),
  /** What an acknowledged write survives: `disk` a power cut, `process` a crash of the process. */
  durability: z.enum(['disk', 'process']),
  now: timestamp,
  uptimeMs: z.int(),
})

/** What is there, in the caller's project. Counted as things change: asking costs nothing however much there is. */
export const systemMetricsOutput = z.object({
  tasks: rollup,
  /** `accepted = pending + delivered + acked + dead + expired + purged`, at every moment. */
  messages: z.object({
    accepted: z.int(),
    pending: z.int(),
    delivered: z.int(),
    acked: z.int(),
    dead: z.int(),
    expired: z.int(),
    purged: z.int(),
  }),
  agents: z.object({ total: z.int(), byStatus: z.record(z.enum(agentStatuses), z.int()) }),
  /** Number of the feed's last event. */
  events: z.int(),
})

/** A backup that is whole, proven and on the disk when this is answered; it holds every write acknowledged before the call. */
export const systemBackupOutput = z.object({
  /** On the server's machine; its manifest is beside it, with `.json` at the end of its name. */
  path: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  createdAt: timestamp,
  /** Number of the newest migration in it. */
  schema: z.int(),
  epoch: z.string(),
  /** Number of the last event in it, of the caller's project. */
  seq: z.int(),
})
