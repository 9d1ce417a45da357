import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Pepper, requireSamePepper } from '@tony/mcp-server/domain/identity/pepper'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { listBackups } from '@tony/mcp-server/store/backup/backup'
import { checkBackup } from '@tony/mcp-server/store/backup/manifest'
import { createFolder } from '@tony/mcp-server/store/file-sync'
import { examineSqlite } from '@tony/mcp-server/store/sqlite/examine'
import { openSqlite } from '@tony/mcp-server/store/sqlite/sqlite'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { verify } from '../verify.ts'
import type { Acknowledged } from './acknowledged.ts'

/** `corrupt`: the product cannot work with the image. `lost`: it lacks something acknowledged. */
export interface Verdict {
  readonly outcome: 'ok' | 'lost' | 'corrupt'
  readonly why: string
}

/** The files that a power cut left, and the facts that they have to hold. */
export interface Image {
  readonly folder: string
  /** The folder of the recorded database. */
  readonly original: string
  readonly acknowledged: Acknowledged
  /** The epoch and the secret files of the recorded database. */
  readonly epoch: string
  readonly secrets: Readonly<Record<string, string>>
}

const databaseOf = (folder: string): string => join(folder, 'store', 'test.db')
const ok: Verdict = { outcome: 'ok', why: '' }
const isDamage = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'SqliteError' || error.name === 'SchemaError' || isDamage(error.cause ?? undefined))

/** Opens the image as a server does, and writes to it. Returns the epoch. */
async function openWithProduct(folder: string): Promise<string> {
  const file = databaseOf(folder)
  createFolder(dirname(file))
  await using store = await openSqlite({ file, durability: 'disk', clock: systemClock })
  await requireSamePepper(store, Pepper.open(undefined, `${file}.pepper`), { mode: 'serve', postgres: undefined })
  return store.epoch
}

/** Reads an epoch or an id of the database, past the product. */
function readColumn(file: string, sql: string): string[] {
  const database = new Database(file, { readonly: true })
  try {
    return z.array(z.string()).parse(database.prepare(sql).pluck().all())
  } finally {
    database.close()
  }
}

export const epochOf = (folder: string): string =>
  readColumn(databaseOf(folder), "select value from store_facts where name = 'epoch'").join()

function damageOf(folder: string): string | undefined {
  const file = databaseOf(folder)
  const [integrity = ''] = readColumn(file, 'pragma integrity_check')
  if (integrity !== 'ok') return integrity
  const findings = examineSqlite({ file, backupDir: `${file}.backups`, at: systemClock.wall() })
  const failed = findings.find(({ state }) => state === 'failed')
  return failed && `doctor: ${failed.check}: ${failed.message}`
}

const missing = (what: string, expected: readonly string[], found: readonly string[]): string[] => {
  const known = new Set(found)
  return expected.filter((one) => !known.has(one)).map((one) => `${what} ${one} is missing`)
}

/** An acknowledged backup must be there, and a file with the name of a backup must be one. */
function backupLosses({ folder, original, acknowledged }: Image): string[] {
  const file = databaseOf(folder)
  const promised = acknowledged.backups.map((path) => path.replace(original, folder))
  const there = listBackups(file, `${file}.backups`)
  const damaged = there.flatMap((path) => {
    try {
      checkBackup(path)
      return []
    } catch (error) {
      return [String(error)]
    }
  })
  return [...missing('the backup', promised, there), ...damaged]
}

function lossesOf(image: Image): string[] {
  const { folder, acknowledged, secrets } = image
  const file = databaseOf(folder)
  const changed = Object.entries(secrets).filter(([name, text]) => {
    const path = join(folder, 'store', name)
    return !existsSync(path) || readFileSync(path, 'utf8') !== text
  })
  const { violations } = verify({ histories: [...acknowledged.histories], database: file, expectFinished: false })
  return [
    ...(acknowledged.calls === 0 ? [] : changed.map(([name]) => `the secret ${name} is another one`)),
    ...missing('the agent', acknowledged.agents, readColumn(file, 'select id from agents')),
    ...missing('the task', acknowledged.tasks, readColumn(file, 'select id from tasks')),
    ...violations.map((violation) => JSON.stringify(violation)),
    ...backupLosses(image),
  ]
}

/** Judges one image. It changes the image, because the product recovers it. */
export async function judgeImage(image: Image): Promise<Verdict> {
  try {
    const epoch = await openWithProduct(image.folder)
    const damage = damageOf(image.folder)
    if (damage !== undefined) return { outcome: 'corrupt', why: damage }
    if (image.acknowledged.calls > 0 && epoch !== image.epoch)
      return { outcome: 'lost', why: 'the epoch is another one' }
    const losses = lossesOf(image)
    return losses.length === 0 ? ok : { outcome: 'lost', why: losses.slice(0, 3).join('; ').slice(0, 1_000) }
  } catch (error) {
    return { outcome: isDamage(error) ? 'corrupt' : 'lost', why: String(error) }
  }
}
