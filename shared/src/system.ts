import { z } from 'zod'
import { timestamp } from './ids.ts'

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
