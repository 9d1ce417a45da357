import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { type Backup, listBackups, pruneBackups, writeBackup } from '@tony/mcp-server/store/backup/backup'
import { BackupRunner } from '@tony/mcp-server/store/backup/backup-runner'
import { BackupError, checkBackup, manifestPathOf } from '@tony/mcp-server/store/backup/manifest'
import { restoreDatabase } from '@tony/mcp-server/store/backup/restore'
import { SchemaError } from '@tony/mcp-server/store/migrations/migrate'
import type { Store } from '@tony/mcp-server/store/store'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { projectOf, StoreFolder } from '../support/store.ts'
import { feed, note, numbered, put, stored, upTo } from './given.ts'

const at = Date.UTC(2026, 0, 1)

const backupOf = (folder: StoreFolder, options: { at?: number } = {}): Backup =>
  writeBackup({ file: folder.file, folder: join(folder.path, 'backups'), at, ...options })

/** Fills a store with these rows and closes it. */
async function holding(folder: StoreFolder, ...ids: readonly string[]): Promise<void> {
  await using store = await folder.open()
  const project = await projectOf(store)
  for (const id of ids) await store.transact({ project }, (tx) => put(tx, id))
}

/**
 * Starts four writes of a row and its event every four milliseconds, until it is stopped. Without
 * this limit a disk in memory takes a hundred thousand, and all of them are in twenty backups.
 */
class Writing {
  readonly #store: Store
  readonly #project: string
  #issued = 0
  readonly #acknowledged = new Set<string>()
  readonly #writes = new Set<Promise<void>>()
  readonly #ticking = setInterval(() => {
    for (const _ of upTo(4)) this.#writes.add(this.#write())
  }, 4)

  constructor(store: Store, project: string) {
    this.#store = store
    this.#project = project
  }

  async #write(): Promise<void> {
    this.#issued += 1
    const id = numbered('r', this.#issued)
    await this.#store.transact({ project: this.#project }, async (tx) => {
      await put(tx, id)
      tx.append(note(id))
    })
    this.#acknowledged.add(id)
  }

  acknowledged(): string[] {
    return [...this.#acknowledged]
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticking)
    await Promise.all(this.#writes)
  }
}

test('twenty backups during steady writes each restore to a prefix of the commits with all earlier acknowledged writes', async () => {
  using folder = new StoreFolder()
  await using store = await folder.open()
  const project = await projectOf(store)
  const writing = new Writing(store, project)
  const backups = new BackupRunner(() => ({
    file: folder.file,
    folder: join(folder.path, 'backups'),
    at: systemClock.wall(),
  }))
  const made: { before: string[]; path: string }[] = []
  for (const _ of upTo(20)) {
    const before = writing.acknowledged()
    made.push({ before, path: (await backups.run()).path })
  }
  await writing.stop()
  const whole = await store.read(feed)
  let last = 0
  for (const { before, path } of made) {
    using other = new StoreFolder()
    const { epoch } = restoreDatabase({ backup: path, database: other.file, at })
    await using restored = await other.open()
    const events = await restored.read(feed)
    expect(restored.epoch).toBe(epoch)
    expect(epoch).not.toBe(store.epoch)
    // The events are compared as text, because there are thousands in each of twenty backups.
    expect(JSON.stringify(events)).toBe(JSON.stringify(whole.slice(0, events.length)))
    const rows = await restored.read(stored)
    expect(rows.join()).toBe(
      events
        .map(({ subject }) => subject)
        .toSorted()
        .join(),
    )
    const found = new Set(rows)
    expect(before.filter((id) => !found.has(id))).toEqual([])
    expect(events.length).toBeGreaterThanOrEqual(last)
    last = events.length
  }
  expect(last).toBeGreaterThan(20)
})

describe('a backup', () => {
  test('is complete on the disk with a manifest of its contents, for its owner alone', async () => {
    using folder = new StoreFolder()
    await using store = await folder.open()
    const project = await projectOf(store)
    await store.transact({ project }, async (tx) => tx.append(note('a')))
    const { path, manifest } = backupOf(folder)
    expect(checkBackup(path)).toEqual(manifest)
    expect(manifest).toMatchObject({ createdAt: '2026-01-01T00:00:00.000Z', epoch: store.epoch })
    expect(manifest.feeds).toEqual([{ project, name: 'default', seq: 1 }])
    expect(readFileSync(path).length).toBe(manifest.bytes)
  })

  test('at the same time as another has a name of its own, and the oldest ones are deleted beyond the limit', async () => {
    using folder = new StoreFolder()
    await holding(folder, 'a')
    const paths = [backupOf(folder), backupOf(folder), backupOf(folder, { at: at + 1 })].map(({ path }) => path)
    const backups = join(folder.path, 'backups')
    writeFileSync(join(backups, 'test-notes.db'), 'mine')
    expect(new Set(paths).size).toBe(3)
    expect(listBackups(folder.file, backups).toSorted()).toEqual(paths.toSorted())
    expect(pruneBackups(folder.file, backups, 1)).toHaveLength(2)
    expect(listBackups(folder.file, backups)).toEqual([paths[2]])
    expect(existsSync(join(backups, 'test-notes.db'))).toBe(true)
  })

  test('requested during another one is the next one, and all such requests share it', async () => {
    using folder = new StoreFolder()
    await holding(folder, 'a')
    let requests = 0
    const backups = new BackupRunner(() => {
      requests += 1
      return { file: folder.file, folder: join(folder.path, 'backups'), at: at + requests }
    })
    const first = backups.run()
    const start = await Promise.race([first, Promise.resolve('running')])
    const rest = await Promise.all([backups.run(), backups.run(), backups.run()])
    expect(start).toBe('running')
    expect(new Set(rest.map(({ path }) => path)).size).toBe(1)
    expect(rest[0]?.path).not.toBe((await first).path)
    expect(requests).toBe(2)
  })

  test('of a database of another program, or of an absent one, is not made', () => {
    using folder = new StoreFolder()
    expect(() => backupOf(folder)).toThrow(/unable to open database file/)
    folder.raw((database) => database.exec('create table invoices (id integer primary key)'))
    expect(() => backupOf(folder)).toThrow(SchemaError)
    expect(readdirSync(join(folder.path, 'backups'))).toEqual(['backup.lock'])
  })

  test('that is killed during its write leaves no file that seems complete', async () => {
    using folder = new StoreFolder()
    await holding(folder, 'a')
    folder.raw((database) =>
      database.exec(`with recursive n (i) as (select 1 union all select i + 1 from n where i < 4000)
        insert into bodies select 'big' || i, hex(randomblob(1000)) from n`),
    )
    const backups = join(folder.path, 'backups')
    backupOf(folder)
    for (const ending of ['.db.partial', '.json.partial', '.json', '.db', '.db.partial', '.json']) {
      await using child = new Child('backup.ts', folder.file, backups)
      await child.says('written')
      const seen = new Promise<void>((resolve) => {
        const watcher = watch(backups, (_, name) => {
          if (!name?.endsWith(ending)) return
          watcher.close()
          resolve()
        })
      })
      await seen
      await child.kill()
      const files = readdirSync(backups).filter((name) => name.endsWith('.db'))
      for (const name of files) expect(() => checkBackup(join(backups, name))).not.toThrow()
    }
    const { path } = backupOf(folder, { at: at + 1 })
    expect(readdirSync(backups).filter((name) => name.endsWith('.partial'))).toEqual([])
    expect(checkBackup(path).bytes).toBeGreaterThan(8_000_000)
  })
})

/**
 * Makes a refused restore onto a database with rows, and returns the error. The database must be
 * equal to the byte afterwards.
 */
async function refused(damage: (backup: string) => void): Promise<Error> {
  using folder = new StoreFolder()
  await holding(folder, 'a')
  const { path } = backupOf(folder)
  damage(path)
  using live = new StoreFolder()
  await holding(live, 'live')
  const before = readFileSync(live.file)
  try {
    restoreDatabase({ backup: path, database: live.file, at })
  } catch (error) {
    expect(readFileSync(live.file).equals(before)).toBe(true)
    expect(readdirSync(live.path).toSorted()).toEqual(['test.db', 'test.db.lock'])
    if (error instanceof BackupError || error instanceof SchemaError) return error
    throw error
  }
  throw new Error('it was restored')
}

const flip =
  (position: (bytes: number) => number) =>
  (path: string): void => {
    const bytes = readFileSync(path)
    const index = position(bytes.length)
    bytes[index] = (bytes[index] ?? 0) ^ 1
    writeFileSync(path, bytes)
  }

/**
 * Changes a backup and updates the hash in its manifest, so that the hash cannot reveal the change.
 */
function vouchFor(path: string, change: (path: string) => void): void {
  change(path)
  const manifest = JSON.parse(readFileSync(manifestPathOf(path), 'utf8'))
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
  writeFileSync(manifestPathOf(path), JSON.stringify({ ...manifest, bytes: statSync(path).size, sha256 }))
}

const run =
  (sql: string) =>
  (path: string): void => {
    const database = new Database(path)
    database.exec(sql)
    database.close()
  }

/** Overwrites a page after the first one. */
const spoil = (path: string): void => {
  const bytes = readFileSync(path)
  bytes.fill(7, 4_096 * 30, 4_096 * 31)
  writeFileSync(path, bytes)
}

describe('a restore is refused, and the database unchanged to the byte, from a backup', () => {
  test.each([
    ['in the first byte', flip(() => 0)],
    ['in the header', flip(() => 27)],
    ['in the middle', flip((bytes) => Math.floor(bytes / 2))],
    ['in the last byte', flip((bytes) => bytes - 1)],
  ])('with a changed bit %s', async (_, damage) => {
    expect((await refused(damage)).message).toMatch(/was changed since it was made/)
  })

  test('with a lost or an added end', async () => {
    expect((await refused((path) => truncateSync(path, 100_000))).message).toMatch(
      /100000 bytes of \d+: it is not whole/,
    )
    expect((await refused((path) => appendFileSync(path, 'x'))).message).toMatch(/it is not whole/)
  })

  test('without its manifest, with an invalid one, and from an absent backup', async () => {
    expect((await refused((path) => rmSync(manifestPathOf(path)))).message).toMatch(/no manifest/)
    expect((await refused((path) => writeFileSync(manifestPathOf(path), '{"format":'))).message).toMatch(
      /not the manifest/,
    )
    expect((await refused((path) => rmSync(path))).message).toMatch(/does not exist/)
  })

  test('with a right hash and wrong contents', async () => {
    const dangling = run(`pragma foreign_keys = off; insert into pools values ('no project', 'p', 1)`)
    expect((await refused((path) => vouchFor(path, dangling))).message).toMatch(/1 foreign keys refer to missing rows/)
    expect((await refused((path) => vouchFor(path, spoil))).message).toMatch(/is damaged/)
  })

  test('of another program, of a newer one, and of another database than that of its manifest', async () => {
    const foreign = run('alter table schema_migrations rename column min_reader to other')
    expect((await refused((path) => vouchFor(path, foreign))).message).toMatch(/another program/)
    const newer = run(`insert into schema_migrations values (99, 'later', 'x', 99, 1)`)
    expect((await refused((path) => vouchFor(path, newer))).message).toMatch(/needs a newer program/)
    const other = run(`update store_facts set value = 'other' where name = 'epoch'`)
    expect((await refused((path) => vouchFor(path, other))).message).toMatch(/differ from its manifest/)
  })
})
