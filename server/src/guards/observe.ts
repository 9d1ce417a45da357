import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'
import { toCoordinationError } from './errors.ts'

/** One metric and one line of the log for each call, whatever became of it. First of all guards, so that none is missed. */
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
