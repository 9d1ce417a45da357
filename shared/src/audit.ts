import { z } from 'zod'
import { keyId } from './auth.ts'
import { errorCodes } from './errors.ts'
import { event } from './events.ts'
import { id, timestamp } from './ids.ts'

/** The event of a change, with the session or the key that made it. */
export const auditedMutation = z.object({
  ...event.shape,
  sessionId: id.nullable(),
  /** Key of the call; null if it was made in a session. */
  keyId: keyId.nullable(),
  /** Request id of the call, as in the log and in an error reply. */
  requestId: id,
})

/**
 * Calls that were refused because of their caller. Equal calls within five seconds share one row.
 */
export const auditedDenial = z.object({
  at: timestamp,
  /**
   * Id of the agent, `key:<keyId>` or `developer`; null for a caller without a valid credential.
   */
  subject: z.string().nullable(),
  /** Path of the procedure, or `connect` for a refused socket. */
  path: z.string(),
  code: z.enum(errorCodes),
  /** Address of the last of these calls. */
  address: z.string().nullable(),
  /** Request id of the last of these calls. */
  requestId: id,
  /** Number of these calls. */
  count: z.int(),
})

export const auditListInput = z.strictObject({
  /** Kind of the entries. Default `mutations`. */
  of: z.enum(['mutations', 'denials']).default('mutations'),
  /** Only entries after this `cursor` of an earlier reply. Default: from the beginning. */
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
  sessionId: id.optional(),
  agentId: id.optional(),
  requestId: id.optional(),
  limit: z.int().min(1).max(1_000).default(100),
})

/** Oldest first. The list of the other kind is empty. */
export const auditListOutput = z.object({
  mutations: z.array(auditedMutation),
  denials: z.array(auditedDenial),
  /**
   * Pass it as `cursor` to get the next page. A page may be shorter than `limit` although `more` is
   * true.
   */
  cursor: z.string(),
  more: z.boolean(),
})
