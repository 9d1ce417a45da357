import { CoordinationError } from '@tony/mcp-shared/errors'

/** The error for a write that found the disk full. */
export const diskFullError = (): CoordinationError =>
  new CoordinationError('STORAGE_FULL', 'the disk is full: nothing was written')

/** The error for a failure of the database. The cause is for the log. */
export function storeUnavailableError(cause: unknown): CoordinationError {
  const failure = new CoordinationError(
    'STORE_UNAVAILABLE',
    'the database failed or did not reply: call again with the same idempotency key',
  )
  failure.cause = cause
  return failure
}
