import type { Guard } from './call.ts'

/** Takes what a call costs. Before anybody is refused for who it is: guessing costs too. */
export const limitRate: Guard = ({ connection, meta }) => {
  connection.services.identity.rateLimiter.consume(connection, meta.cost ?? 1)
  return undefined
}
