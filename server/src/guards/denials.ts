import type { Call, Guard } from './call.ts'
import { toCoordinationError } from './errors.ts'

/** Records the calls that are refused because of their caller. */
export const collectDenials: Guard =
  ({ connection, path, requestId }: Call) =>
  (outcome) => {
    if (!outcome.ok)
      connection.services.identity.denials.record(connection, path, toCoordinationError(outcome.error).code, requestId)
  }
