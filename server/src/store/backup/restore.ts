import { copyFileSync, existsSync, linkSync, renameSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { uuidv7 } from 'uuidv7'
import { sha256Of, syncFile, syncFolderOf, timestampOf } from '../file-sync.ts'
import { refuseForeignDatabase } from '../migrations/migrate.ts'
import { lockDatabaseFile, resolveDatabaseFile } from '../sqlite/file-lock.ts'
import { BackupError, checkBackup, isCorruption, type Manifest } from './manifest.ts'

export interface RestoreResult {
  readonly manifest: Manifest
  /** Names the restored store in cursors. */
  readonly epoch: string
  /** Where what was there before is now; undefined when there was nothing. */
  readonly previousFile: string | undefined
}

/**
 * Further than any agent has come since the backup. Tokens given out since name an incarnation that the restored store would
 * give out again: one that somebody else's token then would speak for.
 */
const incarnationsSkipped = 1_000_000

/** Name of an epoch: what makes cursors of different stores, or of one before and after a restore, different. */
export const newEpoch = (): string => uuidv7().slice(-8)

/**
 * Puts a backup in the place of a database. Throws BackupError, SchemaError or StoreInUseError, and then nothing has changed:
 * the backup is proven and its copy is whole before the one rename that counts.
 */
export function restore({ backup, database, at }: { backup: string; database: string; at: number }): RestoreResult {
  const manifest = checkBackup(backup)
  const file = resolveDatabaseFile(database)
  const unlock = lockDatabaseFile(file)
  try {
    refuseForeignFile(file)
    const staged = `${file}.restoring`
    // One of a restore that was killed would be rolled back into the new copy.
    rmSync(`${staged}-journal`, { force: true })
    copyFileSync(backup, staged)
    if (sha256Of(staged) !== manifest.sha256) throw new BackupError(`the copy of ${backup} differs from it: ${staged}`)
    const epoch = startEpoch(staged)
    syncFile(staged)
    const previousFile = keepPrevious(file, at)
    renameSync(staged, file)
    syncFolderOf(file)
    return { manifest, epoch, previousFile }
  } finally {
    unlock()
  }
}

/** A file that cannot be read as a database may be ours, damaged: it is kept beside and not refused. */
function refuseForeignFile(file: string): void {
  if (!existsSync(file)) return
  const database = new Database(file)
  try {
    refuseForeignDatabase(database)
  } catch (error) {
    if (!isCorruption(error)) throw error
  } finally {
    database.close()
  }
}

/** The restored store is another one than the one its cursors, tokens and leases are of. */
function startEpoch(file: string): string {
  const epoch = newEpoch()
  const database = new Database(file)
  try {
    database.transaction(() => {
      database.prepare("UPDATE store_facts SET value = ? WHERE name = 'epoch'").run(epoch)
      database.prepare('UPDATE agents SET incarnation = incarnation + ?').run(incarnationsSkipped)
    })()
  } finally {
    database.close()
  }
  return epoch
}

/** Gives what is there a second name, and empties its log: SQLite would replay an old log into whatever file has its name. */
function keepPrevious(file: string, at: number): string | undefined {
  if (!existsSync(file)) return undefined
  const previousFile = `${file}.before-${timestampOf(at)}`
  truncateWal(file)
  linkSync(file, previousFile)
  const log = `${file}-wal`
  if (existsSync(log)) linkSync(log, `${previousFile}-wal`)
  syncFolderOf(file)
  rmSync(log, { force: true })
  rmSync(`${file}-shm`, { force: true })
  return previousFile
}

function truncateWal(file: string): void {
  const database = new Database(file)
  try {
    database.pragma('wal_checkpoint(TRUNCATE)')
  } catch (error) {
    // It is damaged: then its log is kept with it, as it is.
    if (!isCorruption(error)) throw error
  } finally {
    database.close()
  }
}
