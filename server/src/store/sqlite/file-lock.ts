import { existsSync, realpathSync } from 'node:fs'
import Database from 'better-sqlite3'
import { refuseNetworkDisk } from './network-disk.ts'

/** Another process owns the file. */
export class StoreInUseError extends Error {
  override readonly name = 'StoreInUseError'
}

/**
 * Locks `path`.lock until the returned function is called or the process ends. Returns undefined if
 * another process has the lock. It is a lock of SQLite: the system drops it with the process, so a
 * killed process leaves nothing to clean up.
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

/**
 * Returns the real path of a database. SQLite follows a symbolic link, so the companion files must
 * be beside its target.
 */
export const resolveDatabaseFile = (file: string): string => (existsSync(file) ? realpathSync(file) : file)

/**
 * Locks a database file for this process. Throws StoreInUseError, or StoreRefusedError on a network
 * disk, where a lock would not exclude other machines.
 */
export function lockDatabaseFile(file: string): () => void {
  const path = resolveDatabaseFile(file)
  refuseNetworkDisk(path)
  const release = acquireLock(path)
  if (release) return release
  throw new StoreInUseError(
    `another process owns ${file}: one process serves a SQLite file; stop it, or give this one another DATABASE_PATH`,
  )
}
