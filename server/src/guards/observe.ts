import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'
import { toCoordinationError } from './errors.ts'

/** One metric and one line of the log for each call, whatever became of it. First of all guards, so that none is missed. */
export const observe: Guard = ({ connection, requestId, path, kind }) => {
  const { clock } = connection.parts
  const start = clock.monotonic()
  return (outcome) => {
    const elapsedMs = clock.monotonic() - start
    const error = outcome.ok ? undefined : toCoordinationError(outcome.error)
    connection.metrics.call(path, error?.code ?? 'OK', elapsedMs)
    const subject = connection.identity.ok ? connection.identity.principal.subject : undefined
    const line = {
      requestId,
      path,
      kind,
      surface: connection.surface,
      subject,
      ms: Math.round(elapsedMs * 10) / 10,
      code: error?.code,
    }
    if (error && errorPolicies[error.code].http >= 500 && !outcome.ok) {
      connection.log.error({ ...line, error: causeOf(outcome.error) }, 'call failed')
    } else connection.log.debug(line, error ? 'call refused' : 'call')
  }
}

const causeOf = (error: unknown): unknown =>
  error instanceof CoordinationError && error.cause !== undefined ? error.cause : error
