import Database from 'better-sqlite3'
import { diskFullError, storeUnavailableError } from '../failures.ts'

export function sqliteCode(error: unknown): string | undefined {
  if (error instanceof Database.SqliteError) return error.code
  return error instanceof Error && error.cause !== undefined ? sqliteCode(error.cause) : undefined
}

/**
 * Creates a function that converts SQLite's errors to ours. It calls `onFull` if the disk is full.
 */
export const createErrorTranslator =
  (onFull: () => void) =>
  (error: unknown): unknown => {
    const code = sqliteCode(error)
    if (code === undefined || code.startsWith('SQLITE_CONSTRAINT')) return error
    if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') {
      onFull()
      return diskFullError()
    }
    crashOnCorruption(error, code)
    return storeUnavailableError(error)
  }

/**
 * Ends the process after an error that leaves the contents of the disk unknown. A failed fsync
 * cannot be retried, and writes to a damaged file are lost. The next start reads all acknowledged
 * writes.
 */
export function crashOnCorruption(error: unknown, code = sqliteCode(error)): void {
  if (code !== undefined && /^SQLITE_(IOERR|CORRUPT|NOTADB)/.test(code)) crash(error)
}

/** Ends the process with an error before it acknowledges anything more. */
export function crash(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
