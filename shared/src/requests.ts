import { z } from 'zod'
import { id, idempotencyKey, json, word } from './ids.ts'

/** Type of the message that carries a request. Its payload is `{ requestId, method, params }`. */
export const requestMessageType = 'request'

export const defaultRequestTimeoutMs = 30_000

/**
 * Sends a request to an agent and waits for its answer. Without a `target` the server chooses the
 * least busy live agent with the capability `method`. The call fails with `NOT_FOUND` ("Agent {id}
 * not found"), with `NO_AGENTS_AVAILABLE` ("No agents available for method: {method}"), or with
 * `DEADLINE_EXCEEDED` if no answer comes in time.
 */
export const requestRouteInput = z.strictObject({
  method: word,
  params: json.optional(),
  /** Id or name of the target agent. */
  target: z.string().min(1).max(128).optional(),
  /** Longest wait for the answer, in milliseconds: 100 to 60 000, default 30 000. */
  timeoutMs: z.int().min(100).max(60_000).default(defaultRequestTimeoutMs),
  idempotencyKey: idempotencyKey.optional(),
})

/** An error as an agent's answer in place of a result. */
export const requestError = z.strictObject({ code: z.string().min(1).max(100), message: z.string().max(4_096) })

export const requestRouteOutput = z.object({
  requestId: id,
  /** Id of the agent that answered. */
  agentId: id,
  ok: z.boolean(),
  result: json.nullable(),
  error: requestError.nullable(),
})

/** Answers a request with a result or an error, and acks its message. */
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
  /**
   * True if the reply came before the deadline. A later reply is kept: a caller gets it when it
   * repeats the call with its idempotency key.
   */
  inTime: z.boolean(),
})
