import { existsSync, realpathSync } from 'node:fs'
import Database from 'better-sqlite3'
import { refuseNetworkDisk } from './network-disk.ts'

/** Another process owns the file. */
export class StoreInUseError extends Error {
  override readonly name = 'StoreInUseError'
}

/**
 * Takes `path`.lock until it is closed or the process ends, however it ends; undefined when another has it. The lock is SQLite's
 * own: the system drops it with the process, so a kill leaves nothing behind to clean up.
 */
export function acquireLock(path: string, timeout = 0): (() => void) | undefined {
  const lock = new Database(`${path}.lock`, { timeout })
  try {
    lock.pragma('locking_mode = EXCLUSIVE')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    if (!(cause instanceof Database.SqliteError) || cause.code !== 'SQLITE_BUSY') throw cause
    return undefined
  }
  return () => lock.close()
}

/** Where a database really is: SQLite follows a symbolic link, so what stands beside it must be beside the same file. */
export const resolveDatabaseFile = (file: string): string => (existsSync(file) ? realpathSync(file) : file)

/** Claims a database file for this process. Throws StoreInUseError, or StoreRefusedError where a claim would say nothing. */
export function lockDatabaseFile(file: string): () => void {
  const path = resolveDatabaseFile(file)
  refuseNetworkDisk(path)
  const release = acquireLock(path)
  if (release) return release
  throw new StoreInUseError(
    `another process owns ${file}: one process serves a SQLite file; stop it, or give this one another DATABASE_PATH`,
  )
}
