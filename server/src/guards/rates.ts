import type { Connection, Guard } from './call.ts'

/** Charges the cost of a call. It runs before authentication, because guessing costs too. */
export const limitRate: Guard = ({ connection, meta }) => {
  const kind = meta.lane === 'urgent' ? 'urgent' : 'normal'
  connection.services.identity.rateLimiter.consume(connection, meta.cost ?? 1, kind)
  return undefined
}

/** Rows that the cost of a call covers. */
const coveredRows = 100

/** Further rows that cost 1. */
const rowsPerCost = 10

const costOfRows = (rows: number): number => Math.max(0, rows - coveredRows) / rowsPerCost

/**
 * Returns a function that counts the rows of one call and charges its caller for many. The number
 * of inboxes that a message goes to is known only after its commit.
 */
export function createRowCharge(connection: Connection): (rows: number) => void {
  let written = 0
  return (rows) => {
    const paid = costOfRows(written)
    written += rows
    connection.services.identity.rateLimiter.charge(connection, costOfRows(written) - paid)
  }
}
