import { errorPolicies } from '../generated/api.ts'

/** How much may wait while there is no connection. */
export interface QueueLimit {
  /** Default 1 000. */
  readonly calls: number
  /** Of their inputs together. Default 16 777 216 (16 MiB). */
  readonly bytes: number
}

/** A code the server answers with, or one of the client's own. */
export type ErrorCode = keyof typeof errorPolicies | ClientErrorCode

/**
 * What no server says. `CONNECTION_LOST`: the answer did not come. `CLIENT_CLOSED`: `close` was called. `OFFLINE_QUEUE_FULL`: there is
 * no connection, and as many calls wait for one as may. `CIRCUIT_OPEN`: the server has failed again and again, and is left
 * alone for a moment.
 */
export type ClientErrorCode = 'CONNECTION_LOST' | 'CLIENT_CLOSED' | 'OFFLINE_QUEUE_FULL' | 'CIRCUIT_OPEN'

export interface TonyErrorData {
  readonly code: ErrorCode
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  /** `no`: nothing changed. `unknown`: it may have taken effect. */
  readonly applied: 'no' | 'unknown'
  readonly requestId?: string | undefined
  /** In milliseconds. */
  readonly retryAfterMs?: number | undefined
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/** A call that did not succeed. Switch on `code`. */
export class TonyError extends Error implements TonyErrorData {
  override readonly name = 'TonyError'
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly applied: 'no' | 'unknown'
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(message: string, data: TonyErrorData) {
    super(message)
    this.code = data.code
    this.retryable = data.retryable
    this.applied = data.applied
    this.requestId = data.requestId
    this.retryAfterMs = data.retryAfterMs
    this.details = data.details
  }
}

const isCode = (code: string): code is keyof typeof errorPolicies => Object.hasOwn(errorPolicies, code)

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** An error as it came over the wire. One without our data, a proxy's for instance, is INTERNAL. */
export function fromWire(error: unknown): TonyError {
  const { message, data } = isRecord(error) ? error : {}
  const fields = isRecord(data) ? data : {}
  const { code, requestId, retryAfterMs, details, applied } = fields
  const known = typeof code === 'string' && isCode(code) ? code : 'INTERNAL'
  return new TonyError(typeof message === 'string' ? message : 'the server answered with an error of no known form', {
    code: known,
    retryable: errorPolicies[known].retryable,
    applied: applied === 'no' || applied === 'unknown' ? applied : errorPolicies[known].applied,
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    ...(isRecord(details) ? { details } : {}),
  })
}

export const connectionLost = (): TonyError =>
  new TonyError('the connection was lost before the answer came', {
    code: 'CONNECTION_LOST',
    retryable: true,
    applied: 'unknown',
  })

export const callNotSent = (): TonyError =>
  new TonyError('the call was ended while there was no connection', {
    code: 'CONNECTION_LOST',
    retryable: true,
    applied: 'no',
  })

/** A blocking call over HTTP that was ended early: nobody knows what it would have answered with. */
export const callAborted = (): TonyError =>
  new TonyError('the call was ended before its answer came', {
    code: 'CONNECTION_LOST',
    retryable: true,
    applied: 'unknown',
  })

export const serverUnreachable = (): TonyError =>
  new TonyError('the server cannot be reached', { code: 'CONNECTION_LOST', retryable: true, applied: 'no' })

export const offlineQueueFull = (limit: QueueLimit): TonyError =>
  new TonyError(
    `there is no connection, and ${limit.calls} calls of ${limit.bytes} bytes wait for one: at most that many may`,
    { code: 'OFFLINE_QUEUE_FULL', retryable: true, applied: 'no', details: { ...limit } },
  )

export const circuitOpen = (): TonyError =>
  new TonyError('the server has failed several times in a row and is left alone for a moment', {
    code: 'CIRCUIT_OPEN',
    retryable: true,
    applied: 'no',
  })

export const payloadTooLarge = (bytes: number, limit: number): TonyError =>
  new TonyError(`a call has at most ${limit} bytes, this one has ${bytes}`, {
    code: 'PAYLOAD_TOO_LARGE',
    retryable: false,
    applied: 'no',
  })

/** The server closed the connection for good. Its reason is the code of the error, where it is one. */
export const sessionEnded = (
  reason: string,
  message = 'the server ended this connection for good: register again',
): TonyError =>
  new TonyError(message, {
    code: isCode(reason) ? reason : 'UNAUTHENTICATED',
    retryable: false,
    applied: 'no',
  })

/** The same error of a call that may have taken effect all the same. */
export const toMaybeApplied = (error: TonyError): TonyError =>
  error.applied === 'unknown' ? error : new TonyError(error.message, { ...error, applied: 'unknown' })

const finalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CLIENT_CLOSED',
  'UNAUTHENTICATED',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'STALE_INCARNATION',
])

/** Whether no later call of this client can do better: it was closed, or its credential has ended. */
export const isFinal = (error: unknown): boolean => error instanceof TonyError && finalCodes.has(error.code)

export const clientClosed = (): TonyError =>
  new TonyError('the client is closed', { code: 'CLIENT_CLOSED', retryable: false, applied: 'no' })

export const deadlineExceeded = (ms: number, sent: boolean): TonyError =>
  new TonyError(`no answer within ${ms} ms`, {
    code: 'DEADLINE_EXCEEDED',
    retryable: true,
    applied: sent ? 'unknown' : 'no',
  })
