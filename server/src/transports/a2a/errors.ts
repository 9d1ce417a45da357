import { CoordinationError, errorPolicies, internalErrorMessage } from '@tony/mcp-shared/errors'
import { toCoordinationError } from '../../guards/errors.ts'

/** Error codes of JSON-RPC and of A2A. */
export const rpcCodes = {
  PARSE_ERROR: -32_700,
  INVALID_REQUEST: -32_600,
  METHOD_NOT_FOUND: -32_601,
  INVALID_PARAMS: -32_602,
  INTERNAL_ERROR: -32_603,
  /** Errors of this server that A2A does not name. */
  SERVER_ERROR: -32_000,
  TASK_NOT_FOUND: -32_001,
  TASK_NOT_CANCELABLE: -32_002,
  PUSH_NOTIFICATION_NOT_SUPPORTED: -32_003,
  UNSUPPORTED_OPERATION: -32_004,
  CONTENT_TYPE_NOT_SUPPORTED: -32_005,
  EXTENDED_AGENT_CARD_NOT_CONFIGURED: -32_007,
  VERSION_NOT_SUPPORTED: -32_009,
} as const

export type RpcReason = keyof typeof rpcCodes

/** An error with a code of A2A. */
export class A2aError extends Error {
  override readonly name = 'A2aError'
  readonly reason: RpcReason

  constructor(reason: RpcReason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** An error of a JSON-RPC reply. */
export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data: readonly unknown[]
}

/** Builds an error with the details that A2A 1.0 requires: a reason and its domain. */
function createRpcError(reason: RpcReason, message: string, metadata: Readonly<Record<string, string>> = {}): RpcError {
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason,
    domain: 'a2a-protocol.org',
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }
  return { code: rpcCodes[reason], message, data: [info] }
}

/** The reasons of A2A for refusals of this server. A call about no task has no such refusal. */
const rpcReasonOf = ({ code }: CoordinationError): RpcReason => {
  if (code === 'INVALID_INPUT' || code === 'IDEMPOTENCY_CONFLICT') return 'INVALID_PARAMS'
  if (code === 'UNSUPPORTED_MEDIA_TYPE') return 'CONTENT_TYPE_NOT_SUPPORTED'
  return code === 'INTERNAL' ? 'INTERNAL_ERROR' : 'SERVER_ERROR'
}

/** Converts a thrown value to the error of a reply. `data` has the code of the other transports. */
export function toRpcError(thrown: unknown, requestId: string): RpcError {
  if (thrown instanceof A2aError) return createRpcError(thrown.reason, thrown.message)
  const error = toCoordinationError(thrown)
  const message = error.code === 'INTERNAL' ? internalErrorMessage : error.message
  const retryAfterMs = error.details?.['retryAfterMs']
  return createRpcError(rpcReasonOf(error), message, {
    code: error.code,
    requestId,
    ...(typeof retryAfterMs === 'number' && { retryAfterMs: String(retryAfterMs) }),
  })
}

/**
 * Returns the HTTP status of an error. Only refusals before the call have one of their own;
 * JSON-RPC sends the others with 200.
 */
export function httpStatusOf(thrown: unknown): number {
  if (thrown instanceof A2aError) return 200
  const { http } = errorPolicies[toCoordinationError(thrown).code]
  return http === 401 || http === 403 || http === 413 || http === 415 || http === 429 || http >= 500 ? http : 200
}

/** Renames a refusal of a call about one task. Other errors are thrown unchanged. */
export function throwAsTaskError(thrown: unknown): never {
  const error = toCoordinationError(thrown)
  if (error.code === 'NOT_FOUND') throw new A2aError('TASK_NOT_FOUND', error.message)
  if (error.code === 'ILLEGAL_TRANSITION') throw new A2aError('TASK_NOT_CANCELABLE', error.message)
  throw thrown
}

/** A refusal of this server, made of a code and a message. */
export const invalidInputError = (message: string): CoordinationError => new CoordinationError('INVALID_INPUT', message)
