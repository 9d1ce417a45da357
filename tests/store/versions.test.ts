import { type Client, createClient } from '@tony/mcp-client'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { readMigrations } from '@tony/mcp-server/store/migrations/migrate'
import { describe, expect, test } from 'vitest'
import { claimOne, leaseOf, receiptOf, receiveOne } from '../api/given.ts'
import { NextVersion } from '../support/next-version.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { ReplicaProcesses } from '../support/replica-processes.ts'
import { onPostgres, refusal, TestServer } from '../support/server.ts'
import { miscountsBy } from '../support/verify/miscounts.ts'
import { upTo } from './given.ts'

/** The last migration of this program. */
const newest = readMigrations(new URL('../../drizzle/sqlite', import.meta.url)).length - 1

/** Returns a client that is closed at the end of the scope. */
function clientOf(url: string, token?: string): Client & Disposable {
  const client = createClient({ url, deadlineMs: 60_000, ...(token !== undefined && { token }) })
  return { ...client, [Symbol.dispose]: () => client.close() }
}

/**
 * Works across both servers: tasks, messages, blocking calls, and the reads of the results at both.
 */
async function workAcross(old: Client, next: Client, agents: readonly [Client, Client]): Promise<void> {
  for (const [lead, worker, other] of [
    [old, agents[1], agents[0]],
    [next, agents[0], agents[1]],
  ] as const) {
    const waiting = claimOne(worker, { waitMs: 15_000 })
    const { id } = await lead.tasks.create({ type: 'code', idempotencyKey: `work of ${lead === old}` })
    const task = await waiting
    expect(task.id).toBe(id)
    await other.messages.send({ to: '*', type: 'note', payload: { about: id }, taskId: id })
    expect(await worker.tasks.complete(leaseOf(task))).toMatchObject({ status: 'completed' })
    await worker.messages.ack(receiptOf(await receiveOne(worker, { waitMs: 5_000 })))
  }
  const feeds = await Promise.all([old, next].map((lead) => lead.events.list({ limit: 1_000 })))
  expect(feeds[1]).toEqual(feeds[0])
  expect(feeds[0]?.events.map(({ seq }) => seq)).toEqual(upTo(feeds[0]?.events.length ?? 0))
}

describe.skipIf(postgresServer === undefined || onPostgres)('this program and the next one on a PostgreSQL', () => {
  test('work side by side in either order of their starts, and the older one can be restarted', async () => {
    await using database = await Database.create()
    using version = new NextVersion({ minReader: newest })
    const postgres = { url: database.url }
    await using server = await TestServer.start({ clock: systemClock, postgres })
    const pepper = `${server.database}.pepper`
    await using later = await version.serve({ DATABASE_URL: database.url, MCP_PEPPER_FILE: pepper })
    const [ann, bob] = [await server.agent('ann'), await server.agent('bob')]
    using next = clientOf(later.url)
    using bobThere = clientOf(later.url, bob.token)
    await workAcross(server.connect(), next, [ann, bobThere])
    await using again = await TestServer.start({ clock: systemClock, postgres, folder: server.folder })
    expect(await again.connect().tasks.list({ status: 'completed' })).toMatchObject({ tasks: [{}, {}] })
    expect(miscountsBy((sql) => server.query(sql))).toEqual([])
    expect(
      await database.rows('select number, min_reader from schema_migrations order by number desc limit 1'),
    ).toEqual([{ number: newest + 1, min_reader: newest }])
  })

  test('do not if the migrations of the next one exclude this one: it is refused with a reason', async () => {
    await using database = await Database.create()
    using version = new NextVersion()
    {
      await using _ = await version.serve({ DATABASE_URL: database.url })
    }
    await expect(database.open()).rejects.toThrow(
      `migration ${newest + 1} (later), which needs a newer program: this one knows up to ${newest}`,
    )
  })
})

describe.skipIf(postgresServer === undefined || onPostgres)(
  'this program on a database that the next one migrates',
  () => {
    test('writes nothing from then on, reads nothing once it has noticed, and names the next step', async () => {
      await using database = await Database.create()
      using version = new NextVersion()
      const postgres = { url: database.url, notify: false }
      await using server = await TestServer.start({ postgres })
      const lead = server.connect()
      await lead.tasks.create({ type: 'code' })
      await using later = await version.serve({
        DATABASE_URL: database.url,
        MCP_PEPPER_FILE: `${server.database}.pepper`,
      })
      const message = `the database needs a program that knows migration ${newest + 1}, and this program knows up to ${newest}: start a newer one`
      // The clock stands still, so the server does not detect it by its poll each second.
      const refused = await refusal(lead.tasks.create({ type: 'code' }, { once: true }))
      expect(refused).toMatchObject({ code: 'STORE_UNAVAILABLE', message })
      expect(await refusal(lead.tasks.list({}, { once: true }))).toMatchObject({ code: 'STORE_UNAVAILABLE', message })
      expect((await fetch(`${server.url}/readyz`)).status).toBe(503)
      expect(await server.outdated).toMatchObject({ name: 'SchemaError', message })
      using next = clientOf(later.url)
      expect((await next.tasks.list({})).tasks).toHaveLength(1)
    })

    test('ends within seconds, with exit code 1', async () => {
      using version = new NextVersion()
      await using replicas = await ReplicaProcesses.start(1)
      await using _ = await version.serve({ DATABASE_URL: replicas.database.url, MCP_PEPPER_FILE: replicas.pepper })
      const ends = await Promise.all(replicas.children.map((child) => child.end()))
      const errors = expect.stringContaining(`this program knows up to ${newest}: start a newer one`)
      expect(ends).toMatchObject([{ code: 1, errors }])
    })
  },
)

describe.skipIf(onPostgres)('this program and the next one on a file', () => {
  test('take it over from each other in turn', async () => {
    using version = new NextVersion({ minReader: newest })
    await using server = await TestServer.start({ clock: systemClock })
    const { id } = await server.connect().tasks.create({ type: 'code' })
    const { cursor } = await server.connect().events.list({})
    await server.stop()
    {
      await using later = await version.serve({ DATABASE_PATH: server.database })
      using next = clientOf(later.url)
      expect(await next.tasks.get({ taskId: id })).toMatchObject({ status: 'pending' })
      await next.tasks.create({ type: 'of the next' })
    }
    await using again = await TestServer.start({ clock: systemClock, folder: server.folder })
    const { events } = await again.connect().events.list({ cursor })
    expect(events.map(({ type }) => type)).toEqual(['task.created'])
    expect((await claimOne(await again.agent('ann'))).id).toBe(id)
  })

  test('do not if the migrations of the next one exclude this one', async () => {
    using version = new NextVersion()
    await using server = await TestServer.start({ clock: systemClock })
    await server.stop()
    {
      await using _ = await version.serve({ DATABASE_PATH: server.database })
    }
    await expect(TestServer.start({ clock: systemClock, folder: server.folder })).rejects.toThrow(
      /needs a newer program/,
    )
  })
})

describe.skipIf(onPostgres)('a client', () => {
  test('of this version works with the next server, and ignores new fields in its replies', async () => {
    using version = new NextVersion({ minReader: newest })
    await using later = await version.serve({ DATABASE_PATH: `${version.folder}/test.db` })
    using lead = clientOf(later.url)
    expect(await lead.system.info()).toMatchObject({ protocolVersion: '1.1', later: true })
    const { id } = await lead.tasks.create({ type: 'code' })
    await lead.tasks.cancel({ taskId: id })
    expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'cancelled' })
  })

  test('of the next version works with this server, which names the unknown fields', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    expect((await lead.system.info()).protocolVersion).toBe('1.0')
    // The input of a new task accepts unknown fields: a field of a later version is returned.
    const fields = { type: 'code', later: 'kept' }
    const { id } = await lead.tasks.create(fields)
    expect(await lead.tasks.get({ taskId: id })).toMatchObject({ metadata: { later: 'kept' } })
    // Other inputs refuse an unknown field by its name, and nothing changes.
    const input = { taskId: id, later: 'x' }
    expect(await refusal(lead.tasks.retry(input))).toMatchObject({ code: 'INVALID_INPUT', message: /later/ })
  })
})
