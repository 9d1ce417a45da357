/**
 * The properties of one error code.
 *
 * `applied` tells callers if the call has taken effect: `no` means that nothing changed; `unknown`
 * means that it may have, and only a repeat with the same idempotency key is safe.
 */
export interface ErrorPolicy {
  readonly http: number
  /** The tRPC code nearest in meaning. Stock tRPC clients get its JSON-RPC number. */
  readonly trpc:
    | 'BAD_REQUEST'
    | 'UNAUTHORIZED'
    | 'FORBIDDEN'
    | 'NOT_FOUND'
    | 'CONFLICT'
    | 'PRECONDITION_FAILED'
    | 'PAYLOAD_TOO_LARGE'
    | 'UNSUPPORTED_MEDIA_TYPE'
    | 'TOO_MANY_REQUESTS'
    | 'METHOD_NOT_SUPPORTED'
    | 'GATEWAY_TIMEOUT'
    | 'SERVICE_UNAVAILABLE'
    | 'INTERNAL_SERVER_ERROR'
  /** True if the same call may succeed later without a change. */
  readonly retryable: boolean
  readonly applied: 'no' | 'unknown'
}

const permanentError = (http: number, trpc: ErrorPolicy['trpc']): ErrorPolicy => ({
  http,
  trpc,
  retryable: false,
  applied: 'no',
})
const retryableError = (http: number, trpc: ErrorPolicy['trpc']): ErrorPolicy => ({
  http,
  trpc,
  retryable: true,
  applied: 'no',
})
const uncertainError = (http: number, trpc: ErrorPolicy['trpc']): ErrorPolicy => ({
  http,
  trpc,
  retryable: true,
  applied: 'unknown',
})

/** Every error that a caller can get. The list is closed. */
export const errorPolicies = {
  INVALID_INPUT: permanentError(400, 'BAD_REQUEST'),
  UNAUTHENTICATED: permanentError(401, 'UNAUTHORIZED'),
  TOKEN_EXPIRED: permanentError(401, 'UNAUTHORIZED'),
  TOKEN_REVOKED: permanentError(401, 'UNAUTHORIZED'),
  STALE_INCARNATION: permanentError(401, 'UNAUTHORIZED'),
  FORBIDDEN: permanentError(403, 'FORBIDDEN'),
  NOT_FOUND: permanentError(404, 'NOT_FOUND'),
  NO_AGENTS_AVAILABLE: retryableError(404, 'NOT_FOUND'),
  METHOD_NOT_ALLOWED: permanentError(405, 'METHOD_NOT_SUPPORTED'),
  AGENT_NAME_TAKEN: permanentError(409, 'CONFLICT'),
  STALE_LEASE: permanentError(409, 'CONFLICT'),
  STALE_RECEIPT: permanentError(409, 'CONFLICT'),
  ILLEGAL_TRANSITION: permanentError(409, 'CONFLICT'),
  REVISION_CONFLICT: permanentError(409, 'CONFLICT'),
  IDEMPOTENCY_CONFLICT: permanentError(409, 'CONFLICT'),
  DEPENDENCY_CYCLE: permanentError(409, 'CONFLICT'),
  ALREADY_EXISTS: permanentError(409, 'CONFLICT'),
  LOCK_CONFLICT: retryableError(409, 'CONFLICT'),
  CURSOR_EXPIRED: permanentError(410, 'PRECONDITION_FAILED'),
  CURSOR_AHEAD: permanentError(410, 'PRECONDITION_FAILED'),
  PAYLOAD_TOO_LARGE: permanentError(413, 'PAYLOAD_TOO_LARGE'),
  UNSUPPORTED_MEDIA_TYPE: permanentError(415, 'UNSUPPORTED_MEDIA_TYPE'),
  RATE_LIMITED: retryableError(429, 'TOO_MANY_REQUESTS'),
  INBOX_FULL: retryableError(429, 'TOO_MANY_REQUESTS'),
  CONSUMER_TOO_SLOW: retryableError(429, 'TOO_MANY_REQUESTS'),
  INTERNAL: uncertainError(500, 'INTERNAL_SERVER_ERROR'),
  OVERLOADED: retryableError(503, 'SERVICE_UNAVAILABLE'),
  SHUTTING_DOWN: retryableError(503, 'SERVICE_UNAVAILABLE'),
  STORE_UNAVAILABLE: uncertainError(503, 'SERVICE_UNAVAILABLE'),
  DEADLINE_EXCEEDED: uncertainError(504, 'GATEWAY_TIMEOUT'),
  STORAGE_FULL: retryableError(507, 'INTERNAL_SERVER_ERROR'),
} as const satisfies Record<string, ErrorPolicy>

export type ErrorCode = keyof typeof errorPolicies

/** The codes that a server may send, in the order of their HTTP status. */
export const errorCodes = Object.keys(errorPolicies) as readonly ErrorCode[]

/** The fields of an error beside its message; the same over HTTP, WebSocket and REST. */
export interface ErrorData {
  readonly code: ErrorCode
  readonly httpStatus: number
  readonly retryable: boolean
  readonly applied: 'no' | 'unknown'
  readonly requestId: string
  /** Delay before a retry, in milliseconds. Absent if the server has no estimate. */
  readonly retryAfterMs?: number
  /** Facts for programs: the current revision, the earliest cursor, the invalid fields. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** The message of INTERNAL for callers. It reveals nothing of the cause. */
export const internalErrorMessage = 'internal error in the server: its log has the cause'

/**
 * A refusal with a code of the closed list. Operations throw it; the transports send it to the
 * caller.
 */
export class CoordinationError extends Error {
  override readonly name = 'CoordinationError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>> | undefined
  readonly applied: ErrorPolicy['applied']

  /** Without `applied`, that of the code holds. */
  constructor(
    code: ErrorCode,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    applied: ErrorPolicy['applied'] = errorPolicies[code].applied,
  ) {
    super(message)
    this.code = code
    this.details = details
    this.applied = applied
  }
}
