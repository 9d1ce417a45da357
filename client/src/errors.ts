import { errorPolicies } from './generated/api.ts'

/** A code the server answers with, or one of the client's own. */
export type ErrorCode = keyof typeof errorPolicies | 'CONNECTION_LOST' | 'CLIENT_CLOSED'

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

const isCode = (code: string): code is keyof typeof errorPolicies => code in errorPolicies

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

export const clientClosed = (): TonyError =>
  new TonyError('the client is closed', { code: 'CLIENT_CLOSED', retryable: false, applied: 'no' })

export const deadlineExceeded = (ms: number, sent: boolean): TonyError =>
  new TonyError(`no answer within ${ms} ms`, {
    code: 'DEADLINE_EXCEEDED',
    retryable: true,
    applied: sent ? 'unknown' : 'no',
  })
