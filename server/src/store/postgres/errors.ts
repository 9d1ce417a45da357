import { CoordinationError } from '@tony/mcp-shared/errors'
import { DrizzleQueryError } from 'drizzle-orm'
import { DatabaseError } from 'pg'
import { diskFullError, storeUnavailableError } from '../failures.ts'
import { SchemaError } from '../migrations/migrate.ts'

/** The connection was lost, or none is available. */
export class ConnectionLostError extends Error {
  override readonly name: string = 'ConnectionLostError'
}

/** A transaction did not begin. Nothing was done, and a retry on another connection may succeed. */
export class NotBegunError extends ConnectionLostError {
  override readonly name = 'NotBegunError'
}

/** Returns the SQLSTATE of a server error; undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof DatabaseError) return error.code
  return error instanceof Error && error.cause !== undefined ? sqlState(error.cause) : undefined
}

/** States that mean that the server or this connection is shutting down. */
const connectionEndStates = /^(57P0|08)/

export const isConnectionEnd = (error: unknown): boolean => connectionEndStates.test(sqlState(error) ?? '08000')

export const isLockTimeout = (error: unknown): boolean => sqlState(error) === '55P03'

export const isNotBegunError = (error: unknown): boolean => error instanceof NotBegunError

/**
 * Serialization failure and deadlock, and a prepared statement that a migration made invalid; it
 * goes with its connection.
 */
const transientStates = new Set(['40001', '40P01', '0A000', '26000'])

export const isTransient = (error: unknown): boolean =>
  isNotBegunError(error) || transientStates.has(sqlState(error) ?? '')

/** Faults of one statement: a violated constraint, an invalid value or invalid SQL. */
const statementFaultStates = /^(2[0-3]|42|P0)/

/**
 * Removes the values from an error of a statement, so that no log and no crash shows them.
 * Drizzle's error has every parameter, and the driver's error has the row. State, message and
 * constraint stay.
 */
function removeErrorValues(error: unknown): unknown {
  if (error instanceof DrizzleQueryError) return removeErrorValues(error.cause ?? new Error('a statement failed'))
  if (error instanceof DatabaseError)
    Object.assign(error, { detail: undefined, where: undefined, internalQuery: undefined })
  return error
}

/**
 * Converts an error of the database to a CoordinationError. It returns other errors unchanged, and
 * faults of a statement without their values.
 */
export function translateError(error: unknown): unknown {
  // A newer replica can serve the call.
  if (error instanceof SchemaError) return new CoordinationError('STORE_UNAVAILABLE', error.message)
  const state = sqlState(error)
  if (state === undefined && !(error instanceof DrizzleQueryError || error instanceof ConnectionLostError)) return error
  if (state !== undefined && statementFaultStates.test(state)) return removeErrorValues(error)
  if (state === '53100') return diskFullError()
  return storeUnavailableError(removeErrorValues(error))
}
