import { statSync } from 'node:fs'
import type { Store } from '@tony/mcp-server/store/store'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { metric } from '../support/metrics.ts'
import { onPostgres, TestServer } from '../support/server.ts'
import { projectOf, StoreFolder } from '../support/store.ts'
import { upTo } from './given.ts'

const mebibyte = 1_048_576
/** The backstop of the log: 64 MiB of pages, their frame headers and one commit more. */
const backstop = 70 * mebibyte

/** Writes rows of a mebibyte, one in each commit. */
async function write(store: Store, project: string, rows: number): Promise<void> {
  const payload = 'x'.repeat(mebibyte)
  for (const _ of upTo(rows))
    await store.transact({ project }, async ({ db, t }) => {
      await db.insert(t.bodies).values({ id: crypto.randomUUID(), payload })
    })
}

test('the WAL is cut to its usual size once an outside reader has ended', async () => {
  using folder = new StoreFolder()
  await using store = await folder.open({ durability: 'process' })
  const project = await projectOf(store)
  const size = () => statSync(`${folder.file}-wal`).size
  const reader = new Database(folder.file, { readonly: true })
  reader.exec('begin')
  reader.prepare('select count(*) from tasks').get()
  await write(store, project, 90)
  expect(size()).toBeGreaterThan(backstop)
  expect(store.walBytes?.()).toBe(size())
  reader.exec('commit')
  reader.close()
  // The log begins anew with a commit after a checkpoint has moved all of it.
  await expect
    .poll(async () => {
      await write(store, project, 1)
      return size()
    })
    .toBeLessThan(backstop)
})

test.skipIf(onPostgres)('the size of the WAL is in the metrics', async () => {
  await using server = await TestServer.start()
  await server.connect().tasks.create({ type: 'code' })
  const shown = await metric(server.url, 'tony_wal_bytes')
  expect(shown).toBe(statSync(`${server.database}-wal`).size)
  expect(shown).toBeGreaterThan(0)
})
