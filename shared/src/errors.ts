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

const permanentErrorPolicy = (http: number, trpc: ErrorPolicy['trpc']): ErrorPolicy => ({
  http,
  trpc,
  retryable: false,
  applied: 'no',
})
const retryableErrorPolicy = (http: number, trpc: ErrorPolicy['trpc']): ErrorPolicy => ({
  http,
  trpc,
  retryable: true,
  applied: 'no',
})
const uncertainErrorPolicy = (http: number, trpc: ErrorPolicy['trpc']): ErrorPolicy => ({
  http,
  trpc,
  retryable: true,
  applied: 'unknown',
})

/** Every error that a caller can get. The list is closed. */
export const errorPolicies = {
  INVALID_INPUT: permanentErrorPolicy(400, 'BAD_REQUEST'),
  UNAUTHENTICATED: permanentErrorPolicy(401, 'UNAUTHORIZED'),
  TOKEN_EXPIRED: permanentErrorPolicy(401, 'UNAUTHORIZED'),
  TOKEN_REVOKED: permanentErrorPolicy(401, 'UNAUTHORIZED'),
  STALE_INCARNATION: permanentErrorPolicy(401, 'UNAUTHORIZED'),
  FORBIDDEN: permanentErrorPolicy(403, 'FORBIDDEN'),
  NOT_FOUND: permanentErrorPolicy(404, 'NOT_FOUND'),
  NO_AGENTS_AVAILABLE: retryableErrorPolicy(404, 'NOT_FOUND'),
  METHOD_NOT_ALLOWED: permanentErrorPolicy(405, 'METHOD_NOT_SUPPORTED'),
  AGENT_NAME_TAKEN: permanentErrorPolicy(409, 'CONFLICT'),
  STALE_LEASE: permanentErrorPolicy(409, 'CONFLICT'),
  STALE_RECEIPT: permanentErrorPolicy(409, 'CONFLICT'),
  ILLEGAL_TRANSITION: permanentErrorPolicy(409, 'CONFLICT'),
  REVISION_CONFLICT: permanentErrorPolicy(409, 'CONFLICT'),
  IDEMPOTENCY_CONFLICT: permanentErrorPolicy(409, 'CONFLICT'),
  DEPENDENCY_CYCLE: permanentErrorPolicy(409, 'CONFLICT'),
  ALREADY_EXISTS: permanentErrorPolicy(409, 'CONFLICT'),
  LOCK_CONFLICT: retryableErrorPolicy(409, 'CONFLICT'),
  CURSOR_EXPIRED: permanentErrorPolicy(410, 'PRECONDITION_FAILED'),
  CURSOR_AHEAD: permanentErrorPolicy(410, 'PRECONDITION_FAILED'),
  PAYLOAD_TOO_LARGE: permanentErrorPolicy(413, 'PAYLOAD_TOO_LARGE'),
  UNSUPPORTED_MEDIA_TYPE: permanentErrorPolicy(415, 'UNSUPPORTED_MEDIA_TYPE'),
  RATE_LIMITED: retryableErrorPolicy(429, 'TOO_MANY_REQUESTS'),
  INBOX_FULL: retryableErrorPolicy(429, 'TOO_MANY_REQUESTS'),
  CONSUMER_TOO_SLOW: retryableErrorPolicy(429, 'TOO_MANY_REQUESTS'),
  INTERNAL: uncertainErrorPolicy(500, 'INTERNAL_SERVER_ERROR'),
  OVERLOADED: retryableErrorPolicy(503, 'SERVICE_UNAVAILABLE'),
  SHUTTING_DOWN: retryableErrorPolicy(503, 'SERVICE_UNAVAILABLE'),
  STORE_UNAVAILABLE: uncertainErrorPolicy(503, 'SERVICE_UNAVAILABLE'),
  DEADLINE_EXCEEDED: uncertainErrorPolicy(504, 'GATEWAY_TIMEOUT'),
  STORAGE_FULL: retryableErrorPolicy(507, 'INTERNAL_SERVER_ERROR'),
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
