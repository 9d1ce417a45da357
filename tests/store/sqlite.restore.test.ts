import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeBackup } from '@tony/mcp-server/store/backup/backup'
import { restoreDatabase } from '@tony/mcp-server/store/backup/restore'
import { SchemaError } from '@tony/mcp-server/store/migrations/migrate'
import { StoreInUseError } from '@tony/mcp-server/store/sqlite/file-lock'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { Child } from '../support/child.ts'
import { refusal, TestServer } from '../support/server.ts'
import { projectOf, StoreFolder } from '../support/store.ts'
import { put, stored } from './given.ts'

const at = Date.UTC(2026, 0, 1)

/** Makes a backup of a store with one row. */
async function backupWith(folder: StoreFolder, id: string): Promise<string> {
  await using store = await folder.open()
  await store.transact({ project: await projectOf(store) }, (tx) => put(tx, id))
  return writeBackup({ file: folder.file, folder: join(folder.path, 'backups'), at }).path
}

test('a restore replaces the database, and keeps the previous one with its WAL beside it', async () => {
  using folder = new StoreFolder()
  const backup = await backupWith(folder, 'a')
  await using killed = new Child('open-store.ts', folder.file)
  await killed.says('open')
  folder.raw((database) => database.exec(`insert into bodies values ('in the log', '{}')`))
  await killed.kill()
  const { previousFile: kept, manifest } = restoreDatabase({ backup, database: folder.file, at })
  expect(manifest.schema).toBeGreaterThan(0)
  await using store = await folder.open()
  expect(await store.read(stored)).toEqual(['a'])
  const old = new Database(kept ?? '', { readonly: true })
  expect(old.prepare('select id from bodies order by id').pluck().all()).toEqual(['a', 'in the log'])
  old.close()
})

test('a restore without a database creates one', async () => {
  using folder = new StoreFolder()
  const backup = await backupWith(folder, 'a')
  using other = new StoreFolder()
  expect(restoreDatabase({ backup, database: other.file, at }).previousFile).toBeUndefined()
  await using store = await other.open()
  expect(await store.read(stored)).toEqual(['a'])
})

test('a restore over a database of a live process is refused, and that process continues', async () => {
  using folder = new StoreFolder()
  const backup = await backupWith(folder, 'a')
  await using store = await folder.open()
  expect(() => restoreDatabase({ backup, database: folder.file, at })).toThrow(StoreInUseError)
  await store.transact({ project: await projectOf(store) }, (tx) => put(tx, 'b'))
  expect(await store.read(stored)).toEqual(['a', 'b'])
})

test('a restore over a database of another program is refused, and that database is unchanged to the byte', async () => {
  using folder = new StoreFolder()
  const backup = await backupWith(folder, 'a')
  using other = new StoreFolder()
  other.raw((database) => database.exec('create table invoices (id integer primary key)'))
  const before = readFileSync(other.file)
  expect(() => restoreDatabase({ backup, database: other.file, at })).toThrow(SchemaError)
  expect(readFileSync(other.file).equals(before)).toBe(true)
})

test('a restore over a damaged database keeps its bytes beside the new one', async () => {
  using folder = new StoreFolder()
  const backup = await backupWith(folder, 'a')
  const damaged = Buffer.alloc(20_000, 'damage')
  writeFileSync(folder.file, damaged)
  const { previousFile: kept } = restoreDatabase({ backup, database: folder.file, at })
  expect(readFileSync(kept ?? '').equals(damaged)).toBe(true)
  await using store = await folder.open()
  expect(await store.read(stored)).toEqual(['a'])
})

test('the files of a killed restore prevent no later one', async () => {
  using folder = new StoreFolder()
  const backup = await backupWith(folder, 'a')
  writeFileSync(`${folder.file}.restoring`, 'half')
  writeFileSync(`${folder.file}.restoring-journal`, 'of another')
  restoreDatabase({ backup, database: folder.file, at })
  expect(readdirSync(folder.path).filter((name) => name.includes('restoring'))).toEqual([])
  await using store = await folder.open()
  expect(await store.read(stored)).toEqual(['a'])
})

/**
 * Returns a server on a restored backup. At the backup `ada` held a task, and further changes
 * followed.
 */
async function restored() {
  const first = await TestServer.start({ config: { devRole: 'admin' } })
  const ada = await first.agent('ada')
  const lead = first.connect()
  for (const title of ['before', 'after']) await lead.tasks.create({ type: 'code', title, idempotencyKey: title })
  const held = await claimOne(ada, { leaseMs: 5_000 })
  const { path } = await lead.system.backup({})
  const later = await claimOne(ada)
  const again = await first.agent('ada')
  const { cursor } = await lead.events.list({ limit: 500 })
  await first.stop()
  restoreDatabase({ backup: path, database: first.database, at })
  const server = await TestServer.start({ folder: first.folder, clock: first.clock })
  return { server, first, ada, again, held, later, cursor }
}

test('a restore begins an epoch: earlier cursors are ahead, earlier tokens and leases are refused with a reason', async () => {
  const { server, first, ada, again, held, later, cursor } = await restored()
  await using _ = first
  await using __ = server
  const lead = server.connect()
  expect(await refusal(lead.events.list({ cursor }))).toMatchObject({ code: 'CURSOR_AHEAD' })
  for (const { token } of [ada, again]) {
    expect(await refusal(server.connect({ token }).agents.heartbeat({ leases: [] }))).toMatchObject({
      code: 'STALE_INCARNATION',
    })
  }
  const back = await server.agent('ada')
  expect(back.id).toBe(ada.id)
  for (const lease of [held, later]) {
    expect(await refusal(back.tasks.complete(leaseOf(lease)))).toMatchObject({ code: 'STALE_LEASE' })
  }
  const { tasks } = await lead.tasks.list({})
  expect(tasks.map(({ status, failures }) => ({ status, failures }))).toEqual([
    { status: 'pending', failures: 0 },
    { status: 'pending', failures: 0 },
  ])
})

test('a lease from before a restore expires if its holder does not return', async () => {
  const { server, first, held } = await restored()
  await using _ = first
  await using __ = server
  const lead = server.connect()
  expect(await lead.tasks.get({ taskId: held.id })).toMatchObject({ status: 'in_progress' })
  await server.advance(60_000)
  expect(await lead.tasks.get({ taskId: held.id })).toMatchObject({ status: 'pending', failures: 1 })
})
