import { z } from 'zod'
import { agentStatuses } from './agents.ts'
import { timestamp } from './ids.ts'
import { rollup } from './tasks.ts'

/**
 * Version of the wire protocol. A client of the previous minor version works with this server, and
 * the reverse.
 */
export const protocolVersion = '1.0'

export const systemInfoOutput = z.object({
  name: z.literal('tony-mcp'),
  version: z.string(),
  protocolVersion: z.string(),
  mode: z.enum(['dev', 'serve']),
  /**
   * Strongest failure that an acknowledged write survives: `disk` a power cut, `process` a crash of
   * the process.
   */
  durability: z.enum(['disk', 'process']),
  now: timestamp,
  uptimeMs: z.int(),
})

/**
 * Counts of the caller's project. They change with each write, so that reading them is cheap at any
 * size.
 */
export const systemMetricsOutput = z.object({
  tasks: rollup,
  /** At every moment, `accepted = pending + delivered + acked + dead + expired + purged`. */
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
  /** `seq` of the feed's last event. */
  events: z.int(),
})

/**
 * A backup that is complete, checked and on the disk. It has every write acknowledged before the
 * call.
 */
export const systemBackupOutput = z.object({
  /** Path on the server's machine. The manifest has the same path with `.json` at its end. */
  path: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  createdAt: timestamp,
  /** Number of its newest migration. */
  schema: z.int(),
  epoch: z.string(),
  /** `seq` of its last event of the caller's project. */
  seq: z.int(),
})
