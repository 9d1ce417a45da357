import { backUp, checkBackupFile, type Manifest, repeatEvery, restoreBackup } from '@tony/mcp-server/maintenance/backup'
import { errorMessageOf } from './exit-code.ts'

/** The database of a command: the given path, or that of the environment, as for the server. */
export interface DatabaseOptions {
  readonly dbPath?: string
  readonly json: boolean
}

const printOutcome = (json: boolean, outcome: object, line: string): void => {
  process.stdout.write(`${json ? JSON.stringify(outcome) : line}\n`)
}

const formatManifest = ({ bytes, schema, feeds, createdAt }: Manifest): string => {
  const events = feeds.map(({ name, seq }) => `${name} ${seq}`).join(', ')
  return `${bytes} bytes of ${createdAt}, schema ${schema}, last events: ${events}`
}

export interface BackupOptions extends DatabaseOptions {
  readonly to?: string
  readonly every?: number
  readonly keep?: number
}

function backUpOnce({ dbPath, json, to, keep }: BackupOptions): void {
  const { path, manifest, removed } = backUp({ database: dbPath, folder: to, keep })
  const removedNote = removed.length === 0 ? '' : `; removed ${removed.length} older`
  printOutcome(json, { path, ...manifest, removed }, `${path}: ${formatManifest(manifest)}${removedNote}`)
}

/**
 * `tony-mcp backup`: writes one backup, or with `every` one after each interval until a signal.
 * With `every`, an error is printed and the next backup is tried.
 */
export async function backupCommand(options: BackupOptions): Promise<void> {
  if (options.every === undefined) return backUpOnce(options)
  await repeatEvery(options.every, () => {
    try {
      backUpOnce(options)
    } catch (error) {
      process.stderr.write(`${errorMessageOf(error)}\n`)
    }
  })
}

/** `tony-mcp verify`: checks a backup. */
export function verifyCommand(file: string, { json }: DatabaseOptions): void {
  const manifest = checkBackupFile(file)
  printOutcome(json, manifest, `${file} is a valid backup: ${formatManifest(manifest)}`)
}

/** `tony-mcp restore`: restores a backup and prints the consequences. */
export function restoreCommand(backup: string, { dbPath, json }: DatabaseOptions): void {
  const { database, manifest, epoch, previousFile: kept } = restoreBackup(backup, dbPath)
  const lines = [
    `${database} is now the backup of ${manifest.createdAt}: ${formatManifest(manifest)}`,
    kept === undefined ? 'there was no database before' : `the previous database is now ${kept}`,
    `a new epoch has begun, ${epoch}: older cursors fail with CURSOR_AHEAD`,
    'agents must register again: their old tokens fail with STALE_INCARNATION. Leases in the backup are released when their holder registers, or they expire',
  ]
  printOutcome(json, { database, kept: kept ?? null, epoch, manifest }, lines.join('\n'))
}
