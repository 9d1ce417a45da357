import type { ConnectFault } from '../connection/connect-fault.ts'
import { errorPolicies } from '../generated/api.ts'
import { isRecord } from './is-record.ts'
import { shareClass } from './shared-class.ts'

/** Limits for the calls that wait for a connection. */
export interface OfflineQueueLimit {
  /** Number of calls. Default 1 000. */
  readonly calls: number
  /** Size of their inputs in all, in bytes of UTF-8. Default 16 777 216 (16 MiB). */
  readonly bytes: number
}

/** Code of an error: the server's or the client's own. */
export type ErrorCode = keyof typeof errorPolicies | ClientErrorCode

/**
 * Codes that the client creates.
 *
 * - `CONNECTION_LOST`: the reply did not arrive.
 * - `CLIENT_CLOSED`: `close` was called.
 * - `OFFLINE_QUEUE_FULL`: there is no connection, and the queue of calls that wait for one is full.
 * - `CIRCUIT_OPEN`: the server failed repeatedly, and calls to it are paused.
 */
export type ClientErrorCode = 'CONNECTION_LOST' | 'CLIENT_CLOSED' | 'OFFLINE_QUEUE_FULL' | 'CIRCUIT_OPEN'

/** The fields of a TonyError. */
export interface TonyErrorData {
  /** The reason of the failure. */
  readonly code: ErrorCode
  /** True if the same call may succeed later. */
  readonly retryable: boolean
  /** `no`: nothing changed. `unknown`: the call may have taken effect. */
  readonly applied: 'no' | 'unknown'
  /** The server's id of the call; undefined for errors of the client. */
  readonly requestId?: string | undefined
  /** Time to wait before a retry, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** Further facts, depending on the code. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/**
 * The error of a failed call. Switch on `code`.
 *
 * @example
 * ```ts
 * const error = await client.tasks.get({ taskId: 'absent' }).catch((thrown) => thrown)
 * if (error instanceof TonyError && error.code === 'NOT_FOUND') console.log(error.applied) // 'no'
 * ```
 */
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

shareClass(TonyError, 'TonyError')

const isServerErrorCode = (code: string): code is keyof typeof errorPolicies => Object.hasOwn(errorPolicies, code)

/** The text of every version of the server for a procedure that it does not have. */
const absentProcedurePattern = /^No ("\w+"-)?procedure (found )?on path "(.+)"$/

const olderServerError = (procedure: string): TonyError =>
  new TonyError(
    `the server has no procedure ${procedure}: it is older than this client, update the server or use its client`,
    { code: 'NOT_FOUND', retryable: false, applied: 'no', details: { procedure } },
  )

/** The error of a path below which the server has nothing, over HTTP. */
const absentPathError = (message: string): TonyError =>
  new TonyError(`${message}, is the URL right?`, { code: 'NOT_FOUND', retryable: false, applied: 'no' })

/**
 * Converts an error from the wire. An error without our data, for example from a proxy, is
 * INTERNAL.
 */
export function toTonyError(error: unknown): TonyError {
  const { message, data } = isRecord(error) ? error : {}
  const procedure = typeof message === 'string' ? absentProcedurePattern.exec(message)?.[3] : undefined
  if (procedure !== undefined) return olderServerError(procedure)
  if (typeof message === 'string' && message.startsWith('no route at ')) return absentPathError(message)
  const fields = isRecord(data) ? data : {}
  const { code, requestId, retryAfterMs, details, applied } = fields
  const known = typeof code === 'string' && isServerErrorCode(code) ? code : 'INTERNAL'
  return new TonyError(
    typeof message === 'string'
      ? message
      : 'the server replied with an error in an unknown format: is there a proxy in between?',
    {
      code: known,
      retryable: errorPolicies[known].retryable,
      applied: applied === 'no' || applied === 'unknown' ? applied : errorPolicies[known].applied,
      ...(typeof requestId === 'string' ? { requestId } : {}),
      ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
      ...(isRecord(details) ? { details } : {}),
    },
  )
}

export const connectionLostError = (): TonyError =>
  new TonyError('the connection was lost before the reply arrived', {
    code: 'CONNECTION_LOST',
    retryable: true,
    applied: 'unknown',
  })

export const callNotSentError = (): TonyError =>
  new TonyError('the call was aborted before it was sent: there was no connection', {
    code: 'CONNECTION_LOST',
    retryable: true,
    applied: 'no',
  })

/** The error of a blocking call over HTTP that was aborted: its outcome is unknown. */
export const callAbortedError = (): TonyError =>
  new TonyError('the call was aborted before its reply arrived', {
    code: 'CONNECTION_LOST',
    retryable: true,
    applied: 'unknown',
  })

/**
 * The error of a call that never left this process, with the cause. It is not retryable if the
 * fault does not pass by itself.
 */
export const serverUnreachableError = (url: string, { cause, final }: ConnectFault): TonyError =>
  new TonyError(
    `the server at ${url.replace(/\/(ws|trpc|api)(\/.*)?$/, '').replace(/^ws/, 'http')} cannot be reached: ${cause}`,
    {
      code: 'CONNECTION_LOST',
      retryable: !final,
      applied: 'no',
    },
  )

export const offlineQueueFullError = (limit: OfflineQueueLimit): TonyError =>
  new TonyError(
    `there is no connection, and offlineQueue is full (${limit.calls} calls, ${limit.bytes} bytes): wait, or raise it`,
    { code: 'OFFLINE_QUEUE_FULL', retryable: true, applied: 'no', details: { ...limit } },
  )

export const circuitOpenError = (): TonyError =>
  new TonyError('the circuit breaker is open after repeated failures of the server: call again later', {
    code: 'CIRCUIT_OPEN',
    retryable: true,
    applied: 'no',
  })

export const payloadTooLargeError = (bytes: number, limit: number): TonyError =>
  new TonyError(`the call has ${bytes} bytes, more than the limit of ${limit}`, {
    code: 'PAYLOAD_TOO_LARGE',
    retryable: false,
    applied: 'no',
  })

/**
 * The error after the server closed the connection for good. The close reason is its code if it is
 * a known one.
 */
export const sessionEndedError = (
  reason: string,
  message = 'the server closed this connection for good: register the agent again',
): TonyError =>
  new TonyError(message, {
    code: isServerErrorCode(reason) ? reason : 'UNAUTHENTICATED',
    retryable: false,
    applied: 'no',
  })

/** Returns the same error with `applied: 'unknown'`. */
export const toMaybeAppliedError = (error: TonyError): TonyError =>
  error.applied === 'unknown' ? error : new TonyError(error.message, { ...error, applied: 'unknown' })

const finalErrorCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CLIENT_CLOSED',
  'UNAUTHENTICATED',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'STALE_INCARNATION',
])

/**
 * True if every later call of this client will fail too: it is closed, or its credential has ended.
 */
export const isFinalError = (error: unknown): boolean => error instanceof TonyError && finalErrorCodes.has(error.code)

export const clientClosedError = (): TonyError =>
  new TonyError('the client is closed', { code: 'CLIENT_CLOSED', retryable: false, applied: 'no' })

export const deadlineExceededError = (ms: number, sent: boolean, cause?: string): TonyError =>
  new TonyError(`no reply within ${ms} ms (deadlineMs)${cause === undefined ? '' : `: ${cause}`}`, {
    code: 'DEADLINE_EXCEEDED',
    retryable: true,
    applied: sent ? 'unknown' : 'no',
  })
