import { sleep, systemClock } from '../platform/clock.ts'
import { type Backup, pruneBackups, writeBackup } from '../store/backup/backup.ts'
import { checkBackup, type Manifest } from '../store/backup/manifest.ts'
import { type RestoreResult, restoreDatabase } from '../store/backup/restore.ts'
import { locateSqliteFile } from './database-file.ts'

export type { Manifest }

/** Source and target of a backup; the environment supplies the defaults. */
export interface BackupOptions {
  readonly database?: string | undefined
  readonly folder?: string | undefined
  /** Number of backups to keep; older ones are deleted. Undefined keeps all. */
  readonly keep?: number | undefined
}

/** Writes one backup. A server may be running on the file. */
export function backUp({ database, folder, keep }: BackupOptions): Backup & { readonly removed: readonly string[] } {
  const { database: file, backupDir } = locateSqliteFile(database, 'backup')
  const targetFolder = folder ?? backupDir
  const backup = writeBackup({ file, folder: targetFolder, at: systemClock.wall() })
  return { ...backup, removed: keep === undefined ? [] : pruneBackups(file, targetFolder, keep) }
}

/** Runs `work` now and then every `everyMs` until SIGINT or SIGTERM, without interrupting it. */
export async function repeatEvery(everyMs: number, work: () => void): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  while (!stop.signal.aborted) {
    work()
    await sleep(everyMs, stop.signal)
  }
}

export const checkBackupFile = (file: string): Manifest => checkBackup(file)

export function restoreBackup(
  backup: string,
  given: string | undefined,
): RestoreResult & { readonly database: string } {
  const database = locateSqliteFile(given, 'restore').database
  return { database, ...restoreDatabase({ backup, database, at: systemClock.wall() }) }
}
