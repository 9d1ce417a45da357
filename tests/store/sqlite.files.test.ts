import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SchemaError } from '@tony/mcp-server/store/migrations/migrate'
import { StoreInUseError } from '@tony/mcp-server/store/sqlite/file-lock'
import { refuseOldSqlite } from '@tony/mcp-server/store/sqlite/sqlite'
import type { Store } from '@tony/mcp-server/store/store'
import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { projectOf, StoreFolder } from '../support/store.ts'
import { numbered, outcomes, put, stored, upTo } from './given.ts'

const pragmaOf = async (store: Store, name: string): Promise<unknown> => {
  const rows = await store.transact({ project: await projectOf(store) }, ({ db }) =>
    db.all<Record<string, unknown>>(sql.raw(`pragma ${name}`)),
  )
  return Object.values(rows[0] ?? {})[0]
}

describe('a commit', () => {
  test.each([
    ['disk', 2],
    ['process', 1],
  ] as const)(
    'that must survive the loss of the %s is written with WAL and synchronous=%i',
    async (durability, level) => {
      using folder = new StoreFolder()
      await using store = await folder.open({ durability })
      expect(store.durability).toBe(durability)
      expect(await pragmaOf(store, 'synchronous')).toBe(level)
      expect(await pragmaOf(store, 'journal_mode')).toBe('wal')
      expect(await pragmaOf(store, 'foreign_keys')).toBe(1)
    },
  )

  test('is moved from the WAL to the file while the store is open', async () => {
    using folder = new StoreFolder()
    await using store = await folder.open()
    const before = statSync(folder.file).size
    const project = await projectOf(store)
    for (const index of upTo(100)) await store.transact({ project }, (tx) => put(tx, numbered('r', index)))
    await expect.poll(() => statSync(folder.file).size).toBeGreaterThan(before)
  })

  test('that finds the disk full is refused with its whole batch, leaves nothing, and can be repeated', async () => {
    using folder = new StoreFolder()
    await using store = await folder.open()
    const project = await projectOf(store)
    const limit = (pages: number) =>
      store.transact({ project }, ({ db }) => db.all(sql.raw(`pragma max_page_count = ${pages}`)))
    await limit(Number(await pragmaOf(store, 'page_count')) + 4)
    const big = ({ db, t }: Parameters<typeof put>[0]) =>
      db.insert(t.bodies).values({ id: 'big', payload: 'x'.repeat(200_000) })
    const results = await outcomes([
      store.transact({ project }, (tx) => put(tx, 'a')),
      store.transact({ project }, async (tx) => void (await big(tx))),
      store.transact({ project }, (tx) => put(tx, 'b')),
    ])
    expect(results).toEqual(['STORAGE_FULL', 'STORAGE_FULL', 'STORAGE_FULL'])
    expect(await store.read(stored)).toEqual([])
    await store.transact({ project }, (tx) => put(tx, 'small'))
    await limit(1_000_000)
    await store.transact({ project }, async (tx) => void (await big(tx)))
    expect(await store.read(stored)).toEqual(['big', 'small'])
  })
})

describe('a file', () => {
  test('with an owner is refused to a second owner in this process', async () => {
    using folder = new StoreFolder()
    await using store = await folder.open()
    const refused = folder.open()
    await expect(refused).rejects.toThrow(StoreInUseError)
    await expect(refused).rejects.toThrow(folder.file)
    expect(await store.read(stored)).toEqual([])
  })

  test('with an owner is refused under another name too', async () => {
    using folder = new StoreFolder()
    await using store = await folder.open()
    const link = join(folder.path, 'link.db')
    symlinkSync(folder.file, link)
    await expect(folder.open({ file: link })).rejects.toThrow(StoreInUseError)
    expect(store.durability).toBe('disk')
  })

  test('is free again when its owner has closed it', async () => {
    using folder = new StoreFolder()
    const first = await folder.open()
    await first.transact({ project: await projectOf(first) }, (tx) => put(tx, 'kept'))
    await first[Symbol.asyncDispose]()
    await using second = await folder.open()
    expect(await second.read(stored)).toEqual(['kept'])
    expect(second.epoch).toBe(first.epoch)
  })

  test('is refused to another process, and free at once when its owner is killed', async () => {
    using folder = new StoreFolder()
    await using owner = new Child('open-store.ts', folder.file)
    await owner.says('open')
    await expect(folder.open()).rejects.toThrow(StoreInUseError)
    await using second = new Child('open-store.ts', folder.file)
    const { code, errors } = await second.end()
    expect(code).toBe(1)
    expect(errors).toContain(`another process owns ${folder.file}`)
    await owner.kill()
    await using store = await folder.open()
    expect(await store.read(stored)).toEqual([])
  })

  // A test cannot have such a disk, so statfs(2) is made to return its number.
  test.runIf(process.platform === 'linux').each([
    [0x6969, 'NFS'],
    [0xff534d42, 'CIFS'],
  ])('on a network disk is refused with the reason, and nothing is written: %i is %s', async (type, name) => {
    using folder = new StoreFolder()
    await using child = new Child('open-on-disk.ts', folder.file, String(type))
    const { code, errors } = await child.end()
    expect(code).toBe(1)
    expect(errors).toContain(`${folder.file} is on a network file system (${name})`)
    expect(readdirSync(folder.path)).toEqual([])
    await using local = new Child('open-on-disk.ts', folder.file, String(0xef53))
    await local.says('open')
  })
})

/** The tables of an upstream server of 2025: its `agents` table has another form. */
const upstream = `create table projects (id text primary key, name text, path text, created_at datetime);
  create table agents (id text primary key, project_id text, name text, type text, status text, completed_at datetime);
  insert into agents values ('a1', 'p1', 'Orchestrator', 'tech-lead', 'active', null);`

describe('a file of another program is refused with a reason and unchanged to the byte:', () => {
  const foreign: [string, string][] = [
    [
      'a database of another program',
      'create table invoices (id integer primary key); insert into invoices values (1);',
    ],
    ['an upstream mcp.db with its own agents', upstream],
    ['one with a ledger of migrations of its own', 'create table schema_migrations (version text primary key);'],
    ['one in WAL mode', 'pragma journal_mode = wal; create table invoices (id integer primary key);'],
  ]
  test.each(foreign)('%s', async (_, text) => {
    using folder = new StoreFolder()
    folder.raw((database) => database.exec(text))
    const before = readFileSync(folder.file)
    const refused = folder.open()
    await expect(refused).rejects.toThrow(SchemaError)
    await expect(refused).rejects.toThrow(/another program.*it was not touched/)
    expect(readFileSync(folder.file).equals(before)).toBe(true)
    expect(existsSync(`${folder.file}-wal`)).toBe(false)
  })

  test('a file that is not a database', async () => {
    using folder = new StoreFolder()
    const text = 'dear diary\n'.repeat(1_000)
    writeFileSync(folder.file, text)
    await expect(folder.open()).rejects.toThrow(/is not a database; it was not touched/)
    expect(readFileSync(folder.file, 'utf8')).toBe(text)
  })

  test('a file that its own program can open at once', async () => {
    using folder = new StoreFolder()
    folder.raw((database) => database.exec(upstream))
    await expect(folder.open()).rejects.toThrow(SchemaError)
    folder.raw((database) => database.exec('drop table agents'))
  })
})

describe('a version of SQLite', () => {
  test.each(['3.51.2', '3.50.9', '3.8.11', '2.99.99', '0', ''])('%j is refused', (version) => {
    expect(() => refuseOldSqlite(version)).toThrow(SchemaError)
  })

  test.each(['3.51.3', '3.51.10', '3.52.0', '4.0.0'])('%j is accepted', (version) => {
    expect(() => refuseOldSqlite(version)).not.toThrow()
  })
})
