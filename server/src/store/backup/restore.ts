import { copyFileSync, existsSync, linkSync, renameSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { uuidv7 } from '../../platform/uuid.ts'
import { fileTimestampOf, sha256Of, syncFile, syncFolderOf } from '../file-sync.ts'
import { refuseForeignDatabase } from '../migrations/migrate.ts'
import { lockDatabaseFile, resolveDatabaseFile } from '../sqlite/file-lock.ts'
import { BackupError, checkBackup, isCorruption, type Manifest } from './manifest.ts'

export interface RestoreResult {
  readonly manifest: Manifest
  /** Epoch of the restored store. */
  readonly epoch: string
  /** New path of the previous database; undefined if there was none. */
  readonly previousFile: string | undefined
}

/**
 * More incarnations than any agent can have gained since the backup. Tokens issued since then have
 * incarnation numbers that the restored store would assign again, so they would be valid for a
 * different registration.
 */
const incarnationsSkipped = 1_000_000

/** Returns a new epoch. It makes cursors of other stores, or from before a restore, invalid. */
export const createEpoch = (): string => uuidv7().slice(-8)

/**
 * Replaces a database with a backup. If it throws BackupError, SchemaError or StoreInUseError,
 * nothing has changed: the backup is checked and its copy complete before the final rename.
 */
export function restoreDatabase({
  backup,
  database,
  at,
}: {
  backup: string
  database: string
  at: number
}): RestoreResult {
  const manifest = checkBackup(backup)
  const file = resolveDatabaseFile(database)
  const unlock = lockDatabaseFile(file)
  try {
    refuseForeignFile(file)
    const staged = `${file}.restoring`
    // SQLite would roll a journal left by a killed restore back into the new copy.
    rmSync(`${staged}-journal`, { force: true })
    copyFileSync(backup, staged)
    if (sha256Of(staged) !== manifest.sha256) throw new BackupError(`the copy of ${backup} differs from it: ${staged}`)
    const epoch = startEpoch(staged)
    syncFile(staged)
    const previousFile = linkPreviousFile(file, at)
    renameSync(staged, file)
    syncFolderOf(file)
    return { manifest, epoch, previousFile }
  } finally {
    unlock()
  }
}

/**
 * Throws SchemaError for a database of another program. An unreadable file may be ours and damaged:
 * it is accepted and kept beside the new one.
 */
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

/**
 * Gives the restored store a new epoch and new incarnations, so that existing cursors, tokens and
 * leases do not apply to it.
 */
function startEpoch(file: string): string {
  const epoch = createEpoch()
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

/**
 * Links the old file to a second name and removes its log. SQLite would replay an old log into any
 * file with its name.
 */
function linkPreviousFile(file: string, at: number): string | undefined {
  if (!existsSync(file)) return undefined
  const previousFile = `${file}.before-${fileTimestampOf(at)}`
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
    // A damaged database keeps its log unchanged.
    if (!isCorruption(error)) throw error
  } finally {
    database.close()
  }
}
