import type { Call, Guard } from './call.ts'
import { toCoordinationError } from './errors.ts'

/** Notes the calls that are refused for who the caller is. */
export const recordDenials: Guard =
  ({ connection, path, requestId }: Call) =>
  (outcome) => {
    if (!outcome.ok)
      connection.services.identity.denials.record(connection, path, toCoordinationError(outcome.error).code, requestId)
  }
