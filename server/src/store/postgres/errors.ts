import { CoordinationError } from '@tony/mcp-shared/errors'
import { DrizzleQueryError } from 'drizzle-orm'
import { DatabaseError } from 'pg'
import { SchemaError } from '../migrations/migrate.ts'

/** The connection is gone, or cannot be had. */
export class ConnectionLostError extends Error {
  override readonly name: string = 'ConnectionLostError'
}

/** A transaction has not begun: nothing was done, and another connection may be better. */
export class NotBegunError extends ConnectionLostError {
  override readonly name = 'NotBegunError'
}

/** The code of a refusal of the server's; undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof DatabaseError) return error.code
  return error instanceof Error && error.cause !== undefined ? sqlState(error.cause) : undefined
}

/** The server is being shut down, or this connection is. */
const connectionEndStates = /^(57P0|08)/

export const isConnectionEnd = (error: unknown): boolean => connectionEndStates.test(sqlState(error) ?? '08000')

export const isLockTimeout = (error: unknown): boolean => sqlState(error) === '55P03'

export const neverBegan = (error: unknown): boolean => error instanceof NotBegunError

/** Serialization failure, deadlock; and a prepared statement of before a migration, which is gone with its connection. */
const transientStates = new Set(['40001', '40P01', '0A000', '26000'])

export const isTransient = (error: unknown): boolean => neverBegan(error) || transientStates.has(sqlState(error) ?? '')

/** Refusals of one statement: what a constraint forbids, what cannot be computed, what is no SQL. */
const statementFaultStates = /^(2[0-3]|42|P0)/

/** An error of the database as one of ours. What is none of its errors, or the fault of a statement, is given back. */
export function translateError(error: unknown): unknown {
  // Of another replica, which is newer, it can be had.
  if (error instanceof SchemaError) return new CoordinationError('STORE_UNAVAILABLE', error.message)
  const state = sqlState(error)
  if (state === undefined && !(error instanceof DrizzleQueryError || error instanceof ConnectionLostError)) return error
  if (state !== undefined && statementFaultStates.test(state)) return error
  if (state === '53100') return new CoordinationError('STORAGE_FULL', 'the disk is full: nothing was written')
  const failure = new CoordinationError('STORE_UNAVAILABLE', 'the store did not answer')
  failure.cause = error
  return failure
}
