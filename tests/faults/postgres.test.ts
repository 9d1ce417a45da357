import { systemClock } from '@tony/mcp-server/platform/clock'
import { openPostgres } from '@tony/mcp-server/store/postgres/postgres'
import { type StatementParts, type Store, statement } from '@tony/mcp-server/store/store'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq, sql } from 'drizzle-orm'
import { afterAll, describe, expect, test } from 'vitest'
import { reading } from '../api/given.ts'
import { addAgent, feed, note, outcomes, put, stored, upTo } from '../store/given.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { Cluster } from '../support/postgres-cluster.ts'
import { refusal, TestServer } from '../support/server.ts'
import { projectOf } from '../support/store.ts'

const lengthen = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db
    .update(t.bodies)
    .set({ payload: sql`${t.bodies.payload} || '+'` })
    .where(eq(t.bodies.id, p.id))
    .returning({ id: t.bodies.id })
    .prepare(),
)

/** Repeats an attempt until it succeeds. */
async function atLast<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    const [outcome] = await Promise.allSettled([attempt()])
    if (outcome.status === 'fulfilled') return outcome.value
  }
}

const woken = (store: Store, topic: string): Promise<void> =>
  new Promise((resolve) => {
    const stop = store.onNotification((notification) => {
      if (notification.topic !== topic) return
      stop()
      resolve()
    })
  })

const cluster = postgresServer === undefined ? undefined : await Cluster.start()
afterAll(() => cluster?.[Symbol.asyncDispose]())

describe.skipIf(cluster === undefined)('a PostgreSQL of its own', () => {
  const url = `${cluster?.url}/postgres`

  test('that continues on another timeline is another epoch, and old cursors are refused', async () => {
    await using server = await TestServer.start({ clock: systemClock, postgres: { url } })
    const lead = server.connect()
    await lead.tasks.create({ type: 'code' })
    const { cursor } = await lead.events.list({})
    const before = server.parts.store.epoch
    const following = reading(lead.events.subscribe({}))
    await following(1)
    const refused = refusal(following(1_000))
    const told = woken(server.parts.store, 'epoch')
    await cluster?.promote()
    await told
    expect(server.parts.store.epoch).not.toBe(before)
    expect(await refused).toMatchObject({ code: 'CURSOR_AHEAD' })
    expect(await refusal(lead.events.list({ cursor }))).toMatchObject({ code: 'CURSOR_AHEAD' })
    await lead.tasks.create({ type: 'code' })
    expect((await lead.events.list({ limit: 1_000 })).events.at(-1)).toMatchObject({ type: 'task.created' })
  })

  test('that crashes loses no acknowledged write and is used again when it is back', async () => {
    await using store = await openPostgres({ url })
    const project = await projectOf(store)
    const append = (subject: string) =>
      store.transact({ project }, async (tx) => {
        tx.append(note(subject))
        return put(tx, subject)
      })
    const acknowledged: string[] = []
    for (const crash of upTo(3)) {
      for (const index of upTo(20)) acknowledged.push(await append(`${crash} ${index}`))
      const flying = Promise.allSettled(upTo(50).map((index) => append(`${crash} flying ${index}`)))
      await cluster?.end('immediate')
      for (const one of await flying) {
        if (one.status === 'fulfilled') acknowledged.push(one.value)
        else expect(one.reason).toMatchObject({ code: 'STORE_UNAVAILABLE' })
      }
      expect(await outcomes([append('away'), store.read(stored)])).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'])
      await cluster?.begin()
      acknowledged.push(await atLast(() => append(`${crash} back`)))
    }
    const rows = await store.read(stored)
    expect(acknowledged.filter((id) => !rows.includes(id))).toEqual([])
    const events = await store.read(feed)
    expect(events.map(({ seq }) => seq)).toEqual(upTo(events.length))
    const noted = events.flatMap(({ subject }) => (subject !== null && rows.includes(subject) ? [subject] : []))
    expect(noted.toSorted()).toEqual(rows.toSorted())
  })
})

describe.skipIf(postgresServer === undefined)('on PostgreSQL', () => {
  test('an outage of all replicas extends every deadline once', async () => {
    await using database = await Database.create()
    const away = 60_000
    {
      await using store = await openPostgres({ url: database.url })
      await addAgent(store, await projectOf(store), 'ada')
    }
    const lease = async () =>
      (await database.rows<{ left: number }>('select last_activity - seen as left from agents, was'))[0]?.left
    await database.raw((client) =>
      client.query(`create table was as select max(seen_at) - ${away} as seen from replicas;
        update replicas set seen_at = seen_at - ${away}; update agents set last_activity = (select seen from was)`),
    )
    const stores = await Promise.all(upTo(3).map(() => openPostgres({ url: database.url })))
    const given = (await lease()) ?? 0
    expect(given).toBeGreaterThanOrEqual(away)
    expect(given).toBeLessThan(away + 20_000)
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()))
    await using _ = await openPostgres({ url: database.url })
    expect(await lease()).toBe(given)
  })

  test('a replica that loses all its connections continues and is notified by others again', async () => {
    await using database = await Database.create()
    await using first = await openPostgres({ url: database.url })
    await using second = await openPostgres({ url: database.url })
    const project = await projectOf(first)
    await database.raw((client) =>
      client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      ),
    )
    const told = woken(second, 'events')
    await atLast(() => first.transact({ project }, async (tx) => tx.append(note('after'))))
    await told
    expect((await second.read(feed)).map(({ subject }) => subject)).toEqual(['after'])
  })

  test('a connection that is lost during the refusal of an operation fails the others with that error, and not with the refusal', async () => {
    await using database = await Database.create()
    await using store = await openPostgres({ url: database.url })
    const project = await projectOf(store)
    const cut = `select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and state like 'idle in transaction%'`
    const queued = Promise.withResolvers<void>()
    const before = store.transact({ project }, () => queued.promise)
    let tries = 0
    const refused = store.transact({ project }, async () => {
      tries += 1
      // In the second attempt each operation has a savepoint, which is lost with the connection.
      if (tries === 2) await database.raw((client) => client.query(cut))
      throw new CoordinationError('STALE_RECEIPT', 'nobody else has this receipt')
    })
    const other = store.transact({ project }, (tx) => put(tx, 'the other'))
    const settled = Promise.allSettled([refused, other, before])
    queued.resolve()
    const [one, another] = await settled
    expect(tries).toBe(2)
    const lost = { status: 'rejected', reason: expect.objectContaining({ code: 'STORE_UNAVAILABLE' }) }
    expect([one, another]).toEqual([lost, lost])
    expect(await store.read(stored)).toEqual([])
  })

  test('operations in a deadlock run again, each once', async () => {
    await using database = await Database.create()
    await using first = await openPostgres({ url: database.url, writerLock: false })
    await using second = await openPostgres({ url: database.url, writerLock: false })
    const project = await projectOf(first)
    const rows = upTo(20).map((index) => `row ${index}`)
    await first.transact({ project }, async (tx) => {
      for (const id of rows) await put(tx, id)
    })
    const count = (store: Store, ids: readonly string[]) =>
      ids.map((id) =>
        store.transact({ project }, async (tx) => {
          tx.append(note(id))
          await tx.run(lengthen, { id })
        }),
      )
    await Promise.all([...count(first, rows), ...count(second, rows.toReversed())])
    const lengths = await database.rows<{ length: number }>('select distinct length(payload) as length from bodies')
    expect(lengths).toEqual([{ length: 4 }])
    const events = await first.read(feed)
    expect(events.map(({ seq }) => seq)).toEqual(upTo(2 * rows.length))
  })
})
