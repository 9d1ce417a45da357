import { pause, systemClock } from '@tony/mcp-server/clock'
import { configHere } from '@tony/mcp-server/config'
import { pruneBackups, writeBackup } from '@tony/mcp-server/store/backup'
import { type Manifest, proveBackup } from '@tony/mcp-server/store/manifest'
import { restore } from '@tony/mcp-server/store/restore'
import { explain } from './outcome.ts'

interface Place {
  readonly dbPath?: string
  readonly json: boolean
}

const say = (json: boolean, outcome: object, line: string): void => {
  process.stdout.write(`${json ? JSON.stringify(outcome) : line}\n`)
}

const summary = ({ bytes, schema, feeds, createdAt }: Manifest): string => {
  const events = feeds.map(({ name, seq }) => `${name} ${seq}`).join(', ')
  return `${bytes} bytes of ${createdAt}, schema ${schema}, last events: ${events}`
}

interface BackupOptions extends Place {
  readonly to?: string
  readonly every?: number
  readonly keep?: number
}

function backUpOnce({ dbPath, json, to, keep }: BackupOptions): void {
  const config = configHere()
  const file = dbPath ?? config.database
  const folder = to ?? (dbPath === undefined ? config.backupDir : `${dbPath}.backups`)
  const { path, manifest } = writeBackup({ file, folder, at: systemClock.wall() })
  const removed = keep === undefined ? [] : pruneBackups(file, folder, keep)
  const without = removed.length === 0 ? '' : `; removed ${removed.length} older`
  say(json, { path, ...manifest, removed }, `${path}: ${summary(manifest)}${without}`)
}

/** `tony-mcp backup`: one, or with `every` one after the other until a signal; then one that fails is told and the next is tried. */
export async function backupCommand(options: BackupOptions): Promise<void> {
  const { every } = options
  if (every === undefined) return backUpOnce(options)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  while (!stop.signal.aborted) {
    try {
      backUpOnce(options)
    } catch (error) {
      process.stderr.write(`${explain(error)}\n`)
    }
    await pause(every, stop.signal)
  }
}

/** `tony-mcp verify`. */
export async function verifyCommand(file: string, { json }: Place): Promise<void> {
  const manifest = proveBackup(file)
  say(json, manifest, `${file} is a sound backup: ${summary(manifest)}`)
}

/** `tony-mcp restore`: says what follows from it. */
export async function restoreCommand(backup: string, { dbPath, json }: Place): Promise<void> {
  const database = dbPath ?? configHere().database
  const { manifest, epoch, kept } = restore({ backup, database, at: systemClock.wall() })
  const lines = [
    `${database} is now the backup of ${manifest.createdAt}: ${summary(manifest)}`,
    kept === undefined ? 'there was no database before' : `what was there before is ${kept}`,
    `a new epoch has begun, ${epoch}: cursors of before are answered with CURSOR_AHEAD`,
    'agents register again: their tokens of before are answered with STALE_INCARNATION. Leases the backup holds are released when their holder registers, or run out',
  ]
  say(json, { database, kept: kept ?? null, epoch, manifest }, lines.join('\n'))
}
