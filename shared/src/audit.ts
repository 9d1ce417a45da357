import { z } from 'zod'
import { keyId } from './auth.ts'
import { errorCodes } from './errors.ts'
import { event } from './events.ts'
import { id, timestamp } from './ids.ts'

/** Something that was changed, and by whom: the event of the change. */
export const auditedMutation = z.object({
  ...event.shape,
  sessionId: id.nullable(),
  /** The key it was called with, where that was no session. */
  keyId: keyId.nullable(),
  /** As in the log and, for a refusal, in the answer. */
  requestId: id,
})

/** Calls that were refused for who the caller is. Equal ones of one interval of five seconds are one row, counted. */
export const auditedDenial = z.object({
  at: timestamp,
  /** Id of the agent, `key:<keyId>` or `developer`; null for a caller without a valid credential. */
  subject: z.string().nullable(),
  /** The procedure, or `connect` for a socket that was turned away. */
  path: z.string(),
  code: z.enum(errorCodes),
  /** Where the last of them came from. */
  address: z.string().nullable(),
  /** That of the last one. */
  requestId: id,
  /** How many there were. */
  count: z.int(),
})

export const auditListInput = z.strictObject({
  /** Default: what was changed. */
  of: z.enum(['mutations', 'denials']).default('mutations'),
  /** Entries after this one: `cursor` of an earlier answer. Default: from the beginning. */
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
  sessionId: id.optional(),
  agentId: id.optional(),
  requestId: id.optional(),
  limit: z.int().min(1).max(1_000).default(100),
})

/** The oldest first. What was not asked for is empty. */
export const auditListOutput = z.object({
  mutations: z.array(auditedMutation),
  denials: z.array(auditedDenial),
  /** Where to go on: pass it as `cursor`. A page may hold fewer than asked for although there are `more`. */
  cursor: z.string(),
  more: z.boolean(),
})
