import { chmodSync, existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { version } from '../../platform/version.ts'
import { createFolder, fileTimestampOf, sha256Of, syncFolderOf, writeFlushed } from '../file-sync.ts'
import { refuseForeignDatabase } from '../migrations/migrate.ts'
import { acquireLock } from '../sqlite/file-lock.ts'
import { BackupError, describeDatabase, type Manifest, manifestPathOf } from './manifest.ts'

export interface BackupRequest {
  /** SQLite file; a server may be writing to it. */
  readonly file: string
  /** Folder of the backups; it is created if it is missing. */
  readonly folder: string
  /** Time of the wall clock. */
  readonly at: number
}

export interface Backup {
  readonly path: string
  readonly manifest: Manifest
}

const partialSuffix = '.partial'

/** Milliseconds to wait for another backup in the same folder. */
const lockWaitMs = 10_000

/** Returns an unused file name for a backup, built from the database's name and the time. */
function backupFileName({ file, folder, at }: BackupRequest): string {
  const stem = `${basename(file).replace(/\.db$/, '')}-${fileTimestampOf(at)}`
  let name = `${stem}.db`
  for (let suffix = 2; existsSync(join(folder, name)); suffix += 1) name = `${stem}-${suffix}.db`
  return name
}

/**
 * Flushes a growing file in small steps on a separate thread, until the returned function is
 * called. One flush at the end would block every commit of the database behind its pages.
 */
function startFlushWorker(file: string): () => void {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const worker = new Worker(new URL(`./flush-worker${extension}`, import.meta.url), { workerData: { file } })
  // Without the worker the copy is equally good, and only its end is slower.
  worker.on('error', () => undefined)
  return () => void worker.terminate()
}

/**
 * Writes a consistent copy in one read transaction, which blocks no writer. SQLite's own backup
 * restarts with every commit.
 */
function vacuumInto(file: string, into: string): void {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 })
  try {
    refuseForeignDatabase(database)
    const stopFlushing = startFlushWorker(into)
    try {
      database.prepare('VACUUM INTO ?').run(into)
    } finally {
      stopFlushing()
    }
  } finally {
    database.close()
  }
}

/**
 * Writes a backup and checks it. It gets its final name only when it is complete, sound and on the
 * disk. A kill leaves a `.partial`, which the next backup deletes, and at most a manifest without
 * its file, which does not count as a backup.
 */
export function writeBackup(request: BackupRequest): Backup {
  const { file, folder, at } = request
  createFolder(folder, 0o700)
  const release = acquireLock(join(folder, 'backup'), lockWaitMs)
  if (!release) throw new BackupError(`another backup is being written to ${folder}`)
  try {
    for (const name of readdirSync(folder)) if (name.endsWith(partialSuffix)) rmSync(join(folder, name))
    const path = join(folder, backupFileName(request))
    const partialPath = `${path}${partialSuffix}`
    const contents = writeFlushed(partialPath, () => {
      vacuumInto(file, partialPath)
      chmodSync(partialPath, 0o600)
      return describeDatabase(partialPath)
    })
    const manifest: Manifest = {
      format: 'tony-mcp backup 1',
      product: version,
      createdAt: new Date(at).toISOString(),
      bytes: statSync(partialPath).size,
      sha256: sha256Of(partialPath),
      ...contents,
    }
    publishBackup(partialPath, path, manifest)
    return { path, manifest }
  } finally {
    release()
  }
}

function publishBackup(partialPath: string, path: string, manifest: Manifest): void {
  const manifestPath = manifestPathOf(path)
  const partialManifest = `${manifestPath}${partialSuffix}`
  writeFlushed(partialManifest, () => writeFileSync(partialManifest, `${JSON.stringify(manifest, null, 2)}\n`))
  renameSync(partialManifest, manifestPath)
  // Last, because the name of the database makes it a backup.
  renameSync(partialPath, path)
  syncFolderOf(path)
}

/** Returns the complete backups of a database in a folder, oldest first. */
export function listBackups(file: string, folder: string): string[] {
  if (!existsSync(folder)) return []
  const stem = basename(file).replace(/\.db$/, '')
  const isBackupName = (name: string) => name.startsWith(`${stem}-`) && /-\d{8}T\d{9}Z(-\d+)?\.db$/.test(name)
  const names = readdirSync(folder).filter(
    (name) => isBackupName(name) && existsSync(manifestPathOf(join(folder, name))),
  )
  return names.toSorted().map((name) => join(folder, name))
}

/** Deletes the oldest backups of a database beyond `keep` and returns their paths. */
export function pruneBackups(file: string, folder: string, keep: number): string[] {
  const old = listBackups(file, folder).slice(0, -keep)
  for (const path of old) {
    rmSync(path)
    rmSync(manifestPathOf(path))
  }
  return old
}
