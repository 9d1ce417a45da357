import { z } from 'zod'
import { id, idempotencyKey, json, word } from './ids.ts'

/** The type of the message a request arrives as; its payload is `{ requestId, method, params }`. */
export const requestMessageType = 'request'

export const defaultRequestTimeoutMs = 30_000

/**
 * Asks an agent and waits for its answer. Without a target: a live agent that holds `method` as a capability, the least busy
 * of them. Refused with `NOT_FOUND` ("Agent {id} not found") or `NO_AGENTS_AVAILABLE` ("No agents available for method:
 * {method}"); without an answer in time with `DEADLINE_EXCEEDED`.
 */
export const requestRouteInput = z.strictObject({
  method: word,
  params: json.optional(),
  /** Id or name of the agent to ask. */
  target: z.string().min(1).max(128).optional(),
  /** How long to wait for the answer, in milliseconds: 100 to 60 000, default 30 000. */
  timeoutMs: z.int().min(100).max(60_000).default(defaultRequestTimeoutMs),
  idempotencyKey: idempotencyKey.optional(),
})

/** What an agent answered instead of a result. */
export const requestError = z.strictObject({ code: z.string().min(1).max(100), message: z.string().max(4_096) })

export const requestRouteOutput = z.object({
  requestId: id,
  /** Id of the agent that answered. */
  agentId: id,
  ok: z.boolean(),
  result: json.nullable(),
  error: requestError.nullable(),
})

/** Answers a request that was sent to the caller, and acks its message. Either a result or an error. */
export const requestReplyInput = z
  .strictObject({
    requestId: id,
    result: json.optional(),
    error: requestError.optional(),
    idempotencyKey: idempotencyKey.optional(),
  })
  .refine(({ result, error }) => result === undefined || error === undefined, 'either a result or an error, not both')

export const requestReplyOutput = z.object({
  requestId: id,
  /** Whether it came before the deadline. A later one is kept all the same: a caller that asks again with its key gets it. */
  inTime: z.boolean(),
})
