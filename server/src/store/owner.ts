import { existsSync, realpathSync } from 'node:fs'
import Database from 'better-sqlite3'

/** Another process owns the file. */
export class StoreInUseError extends Error {
  override readonly name = 'StoreInUseError'
}

/**
 * Claims a database file for this process until it is closed or the process ends, however it ends. The lock is SQLite's own
 * on a file beside it: the system drops it with the process, so a kill leaves nothing behind to clean up.
 */
export function ownFile(file: string): () => void {
  // SQLite follows a symbolic link to the file, so the lock must be beside the same one.
  const lock = new Database(`${existsSync(file) ? realpathSync(file) : file}.lock`, { timeout: 0 })
  try {
    lock.pragma('locking_mode = EXCLUSIVE')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    if (!(cause instanceof Database.SqliteError) || cause.code !== 'SQLITE_BUSY') throw cause
    throw new StoreInUseError(
      `another process owns ${file}: one process serves a SQLite file; stop it, or give this one another DATABASE_PATH`,
      { cause },
    )
  }
  return () => lock.close()
}
