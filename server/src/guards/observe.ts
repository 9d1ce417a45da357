import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'
import { toCoordinationError } from './errors.ts'

/**
 * Records one metric and one log line for each call, with its outcome. It is the first guard, so
 * that it sees every call.
 */
export const logCall: Guard = ({ connection, requestId, path, kind }) => {
  const { clock } = connection.services
  const start = clock.monotonic()
  return (outcome) => {
    const elapsedMs = clock.monotonic() - start
    const error = outcome.ok ? undefined : toCoordinationError(outcome.error)
    connection.metrics.recordCall(path, error?.code ?? 'OK', elapsedMs)
    const subject = connection.identity.ok ? connection.identity.principal.subject : undefined
    const logFields = {
      requestId,
      path,
      kind,
      surface: connection.transport,
      subject,
      ms: Math.round(elapsedMs * 10) / 10,
      code: error?.code,
    }
    if (error && errorPolicies[error.code].http >= 500 && !outcome.ok) {
      connection.log.error({ ...logFields, error: causeOf(outcome.error) }, 'call failed')
    } else connection.log.debug(logFields, error ? 'call refused' : 'call')
  }
}

const causeOf = (error: unknown): unknown =>
  error instanceof CoordinationError && error.cause !== undefined ? error.cause : error
