import { existsSync, realpathSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { StoreRefusedError } from '../store-refused-error.ts'
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
 * Throws StoreRefusedError for a file with several names. Lock and log are beside one of them, so
 * the server of another name would not notice the owner and would corrupt the file.
 */
function refuseHardLinks(path: string): void {
  if (!existsSync(path)) return
  const { nlink } = statSync(path)
  if (nlink < 2) return
  throw new StoreRefusedError(
    `${path} has ${nlink} names (hard links), and a server of another name would corrupt it: find them with "find FOLDER -samefile ${path}" and delete all but this one, which keeps the data`,
  )
}

/**
 * Locks a database file for this process. Throws StoreInUseError, or StoreRefusedError for a file
 * that the lock would not protect: one on a network disk, or one with several names.
 */
export function lockDatabaseFile(file: string): () => void {
  const path = resolveDatabaseFile(file)
  refuseNetworkDisk(path)
  refuseHardLinks(path)
  const release = acquireLock(path)
  if (release) return release
  throw new StoreInUseError(
    `another process owns ${file}: one process serves a SQLite file; stop it, or give this one another DATABASE_PATH`,
  )
}
