import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Call, Guard } from './call.ts'

/** A refused caller is told to try again after a multiple of this, in milliseconds. */
const retryStepMs = 100

/** The part of a call that decides about overload. Its input does not. */
export type OverloadFacts = Pick<Call, 'connection' | 'kind' | 'meta' | 'queuedInput'>

/**
 * Refuses a write in two cases: an operation that is served before it has waited longer than
 * `queueMs`, or its input and the waiting inputs exceed `queueBytes`. Reads do not wait for the
 * writer and are never refused. Urgent calls, which keep or end a lease, a delivery or a session,
 * are refused for the bytes only, and have a reserve of them. The guard runs before the input is
 * parsed, because a refusal must cost less than the call.
 */
export const refuseOverload: Guard = (call) => {
  const retryAfterMs = findOverloadDelayMs(call)
  if (retryAfterMs !== undefined) throw overloadErrorOf(retryAfterMs)
  return undefined
}

/** Returns the delay before a refused call may be tried again; undefined for an accepted one. */
export function findOverloadDelayMs({ connection, kind, meta, queuedInput: input }: OverloadFacts): number | undefined {
  const { identity, services } = connection
  if (kind !== 'mutation') return undefined
  const { lane = 'normal' } = meta
  const isUrgent = lane === 'urgent'
  const ageMs =
    identity.ok && !isUrgent
      ? services.store.queueAgeMs({ project: identity.principal.project, caller: identity.principal.subject, lane })
      : 0
  if (ageMs <= services.config.limits.queueMs && (input?.hasRoom(isUrgent) ?? true)) return undefined
  return Math.max(1, Math.ceil(ageMs / retryStepMs)) * retryStepMs
}

const errorByDelay = new Map<number, CoordinationError>()

/** Bounds `errorByDelay`. The delays are multiples of 100 ms, so 100 errors cover 10 s. */
const cachedErrorLimit = 100

/**
 * Returns the refusal with this delay. The refusals with one delay share an error: to make one
 * costs 30 µs, most of it for the stack, and a server under load refuses thousands in a second.
 */
export function overloadErrorOf(retryAfterMs: number): CoordinationError {
  const known = errorByDelay.get(retryAfterMs)
  if (known) return known
  if (errorByDelay.size >= cachedErrorLimit) errorByDelay.clear()
  const message = `the server has more to write than it can in time: try again in ${retryAfterMs} ms`
  const error = new CoordinationError('OVERLOADED', message, { retryAfterMs })
  errorByDelay.set(retryAfterMs, error)
  return error
}
