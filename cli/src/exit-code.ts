import { TonyError } from '@tony/mcp-client'
import { CommandError } from './command-error.ts'
import { CredentialError } from './connection.ts'
import { PlanError } from './plan/plan.ts'

/** Returns the exit code of an error, as `exitCodesText` lists them. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode
  if (error instanceof PlanError || error instanceof CredentialError) return 2
  // Compared by name. An import of the class would load the database driver, which most commands do
  // not need.
  if (error instanceof Error && error.name === 'StoreInUseError') return 75
  if (error instanceof Error && error.name === 'PluginError') return 2
  // An error in the words of Tony 2.8; its cause has the code.
  if (error instanceof Error && error.cause instanceof TonyError) return exitCodeOf(error.cause)
  if (!(error instanceof TonyError)) return 1
  switch (error.code) {
    case 'INVALID_INPUT':
    case 'PAYLOAD_TOO_LARGE':
      return 2
    case 'NOT_FOUND':
      // An older server lacks the procedure, and the thing itself may exist.
      return error.details?.['procedure'] === undefined ? 3 : 1
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
    case 'TOKEN_EXPIRED':
    case 'TOKEN_REVOKED':
    case 'STALE_INCARNATION':
      return 4
    case 'DEPENDENCY_CYCLE':
    case 'ALREADY_EXISTS':
    case 'AGENT_NAME_TAKEN':
    case 'REVISION_CONFLICT':
    case 'STALE_LEASE':
    case 'STALE_RECEIPT':
    case 'IDEMPOTENCY_CONFLICT':
    case 'ILLEGAL_TRANSITION':
      return 5
    case 'DEADLINE_EXCEEDED':
    case 'CONNECTION_LOST':
      return 69
    default:
      return error.retryable ? 75 : 1
  }
}

/** Returns the error text, with the next step if one is known. */
export function errorMessageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof TonyError && exitCodeOf(error) === 69)
    return `${error.message}\nStart a server with: tony-mcp dev`
  return error instanceof TonyError ? `${error.code}: ${error.message}` : error.message
}
