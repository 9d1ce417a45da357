import { STATUS_CODES } from 'node:http'
import { toErrorShape } from '../../../guards/errors.ts'

/**
 * Returns an error as a problem document (RFC 9457). Its `code` is that of the other transports,
 * and `error` is the error as tRPC sends it.
 */
export function toProblem(thrown: unknown, requestId: string, status?: number): Readonly<Record<string, unknown>> {
  const error = toErrorShape(thrown, requestId)
  const { httpStatus, ...data } = error.data
  const shown = status ?? httpStatus
  return {
    type: 'about:blank',
    title: STATUS_CODES[shown] ?? 'Error',
    status: shown,
    detail: error.message,
    instance: `urn:uuid:${requestId}`,
    ...data,
    error,
  }
}
