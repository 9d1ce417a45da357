import {
  CoordinationError,
  type ErrorCode,
  type ErrorData,
  errorPolicies,
  internalErrorMessage,
} from '@tony/mcp-shared/errors'
import { TRPCError } from '@trpc/server'
import { type TRPC_ERROR_CODE_NUMBER, TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc'
import { ZodError } from 'zod'

/** Codes of this server for the errors that tRPC itself throws. */
const codeByTrpc: Readonly<Partial<Record<TRPCError['code'], ErrorCode>>> = {
  NOT_FOUND: 'NOT_FOUND',
  PARSE_ERROR: 'INVALID_INPUT',
  BAD_REQUEST: 'INVALID_INPUT',
  UNSUPPORTED_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  METHOD_NOT_SUPPORTED: 'METHOD_NOT_ALLOWED',
  PAYLOAD_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
  CLIENT_CLOSED_REQUEST: 'INVALID_INPUT',
}

function toInvalidInputError(error: ZodError): CoordinationError {
  const issues = error.issues.slice(0, 20).map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
  const texts = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).slice(0, 3)
  return new CoordinationError('INVALID_INPUT', texts.join('; '), { issues })
}

/**
 * Converts any thrown value to an error of the closed list. An unknown error becomes INTERNAL and
 * reveals nothing of its cause.
 */
export function toCoordinationError(error: unknown): CoordinationError {
  if (error instanceof CoordinationError) return error
  if (error instanceof ZodError) return toInvalidInputError(error)
  if (error instanceof TRPCError) {
    if (error.cause instanceof CoordinationError || error.cause instanceof ZodError)
      return toCoordinationError(error.cause)
    const code = codeByTrpc[error.code]
    if (code !== undefined) return new CoordinationError(code, error.message)
  }
  return new CoordinationError('INTERNAL', internalErrorMessage)
}

/** An error on the wire: the shape of tRPC with the data of this server. */
export interface ErrorShape {
  readonly message: string
  // The type is tRPC's own: with a wider one its clients lose the type of `data`, without a compile
  // error.
  readonly code: TRPC_ERROR_CODE_NUMBER
  readonly data: ErrorData
}

/**
 * Converts a thrown value to its wire form. A 5xx has its code and the request id but no details,
 * so that no driver message, path or stack leaks.
 */
export function toErrorShape(thrown: unknown, requestId: string): ErrorShape {
  const error = toCoordinationError(thrown)
  const policy = errorPolicies[error.code]
  const retryAfterMs = error.details?.['retryAfterMs']
  const data = {
    code: error.code,
    httpStatus: policy.http,
    retryable: policy.retryable,
    applied: error.applied,
    requestId,
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    ...(error.details && policy.http < 500 ? { details: error.details } : {}),
  }
  return {
    message: error.code === 'INTERNAL' ? internalErrorMessage : error.message,
    code: TRPC_ERROR_CODES_BY_KEY[policy.trpc],
    data,
  }
}
