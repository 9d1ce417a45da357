import { pause, systemClock } from '../platform/clock.ts'
import { type Backup, pruneBackups, writeBackup } from '../store/backup/backup.ts'
import { type Manifest, proveBackup } from '../store/backup/manifest.ts'
import { type Restored, restore } from '../store/backup/restore.ts'
import { placeOf } from './database-file.ts'

export type { Manifest }

/** Where the data is; what is not said is as the environment says for a server. */
export interface BackupPlace {
  readonly database?: string | undefined
  readonly folder?: string | undefined
  /** Remove the oldest beyond so many. */
  readonly keep?: number | undefined
}

/** Writes one backup, next to a server or without one. */
export function backUp({ database, folder, keep }: BackupPlace): Backup & { readonly removed: readonly string[] } {
  const { database: file, backupDir } = placeOf(database, 'backup')
  const into = folder ?? backupDir
  const backup = writeBackup({ file, folder: into, at: systemClock.wall() })
  return { ...backup, removed: keep === undefined ? [] : pruneBackups(file, into, keep) }
}

/** Does something now and each time so much time has passed, until a signal ends the process in order. */
export async function repeat(everyMs: number, work: () => void): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  while (!stop.signal.aborted) {
    work()
    await pause(everyMs, stop.signal)
  }
}

export const verifyBackup = (file: string): Manifest => proveBackup(file)

export function restoreBackup(backup: string, given: string | undefined): Restored & { readonly database: string } {
  const database = placeOf(given, 'restore').database
  return { database, ...restore({ backup, database, at: systemClock.wall() }) }
}
