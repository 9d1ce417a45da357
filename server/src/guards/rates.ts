import type { Guard } from './call.ts'

/** Charges the cost of a call. It runs before authentication, because guessing costs too. */
export const limitRate: Guard = ({ connection, meta }) => {
  connection.services.identity.rateLimiter.consume(connection, meta.cost ?? 1)
  return undefined
}
