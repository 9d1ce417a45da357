import { systemClock } from '@tony/mcp-server/platform/clock'
import { openPostgres } from '@tony/mcp-server/store/postgres/postgres'
import { expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { note, upTo } from '../store/given.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { Cluster } from '../support/postgres-cluster.ts'
import { refusal, TestServer, take } from '../support/server.ts'
import { projectOf } from '../support/store.ts'

/** Waits until a standby has all data of its primary. */
async function caughtUp(primary: Cluster, standby: Cluster): Promise<void> {
  const at = await primary.ask<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn')
  for (;;) {
    const it = await standby.ask<{ there: boolean }>(`select pg_last_wal_replay_lsn() >= '${at?.lsn}' as there`)
    if (it?.there) return
  }
}

/** Returns a function that is true once this time has passed. */
const after = (ms: number) => {
  const startedAt = performance.now()
  return () => performance.now() - startedAt > ms
}

/**
 * Repeats a call until it is refused with CURSOR_AHEAD, and returns the codes of the refusals
 * before that. Fails the test if the call succeeds.
 */
async function refusedFor(call: () => Promise<unknown>, over: () => boolean): Promise<string[]> {
  const answers = new Set<string>()
  while (!(answers.has('CURSOR_AHEAD') || over())) answers.add((await refusal(call())).code)
  expect(answers).toContain('CURSOR_AHEAD')
  return [...answers]
}

const postgresAt = (cluster: Cluster) => ({ url: `${cluster.url}/postgres` })

test.skipIf(postgresServer === undefined)(
  'a standby that took over and lacks the last 100 events reissues none of them in silence',
  async () => {
    await using primary = await Cluster.start()
    if (!primary) throw new Error('there is no PostgreSQL')
    await using server = await TestServer.start({ clock: systemClock, postgres: postgresAt(primary) })
    const [lead, ada] = [server.connect(), await server.agent('ada', { capabilities: ['old'] })]
    for (const _ of upTo(10)) await lead.tasks.create({ type: 'kept' })
    const kept = await lead.events.list({ limit: 1_000 })
    await using standby = await primary.standby()
    await caughtUp(primary, standby)
    await standby.end()
    // The standby never gets these: events, a lease, an agent and a claim group.
    const lost = await lead.tasks.createMany({ tasks: upTo(97).map(() => ({ type: 'lost', requires: ['old'] })) })
    const lease = leaseOf(await claimOne(ada))
    const bob = await server.agent('bob')
    const ahead = await lead.events.list({ limit: 1_000 })
    expect(ahead.events.length - kept.events.length).toBeGreaterThanOrEqual(99)
    await primary.end('immediate')
    const over = after(30_000)
    const following = refusedFor(() => take(lead.events.subscribe({ cursor: ahead.cursor }), 1), over)
    // The call is repeated from the crash on as fast as possible, because the time in which an old
    // cursor could pass as a new one is short.
    const asking = refusedFor(() => lead.events.list({ cursor: ahead.cursor }, { deadlineMs: 200 }), over)
    const writing = (async () => {
      for (let written = 0; written < 120 && !over(); ) {
        const created = await lead.tasks.create({ type: 'new' }, { deadlineMs: 500 }).catch(() => undefined)
        if (created) written += 1
      }
    })()
    await standby.takeOver(primary)
    for (const answers of await Promise.all([asking, following]))
      expect(['CURSOR_AHEAD', 'STORE_UNAVAILABLE', 'DEADLINE_EXCEEDED']).toEqual(expect.arrayContaining(answers))
    await writing
    // The feed has passed the lost numbers. They now belong to other events, and no earlier cursor
    // leads to them.
    const now = await lead.events.list({ limit: 1_000 })
    expect(now.events.length).toBeGreaterThan(ahead.events.length)
    expect(now.events.slice(0, kept.events.length)).toEqual(kept.events)
    expect(now.events.filter(({ data }) => JSON.stringify(data).includes('lost'))).toEqual([])
    for (const { cursor } of [kept, ahead])
      expect(await refusal(lead.events.list({ cursor }))).toMatchObject({ code: 'CURSOR_AHEAD' })
    expect((await refusal(lead.tasks.get({ taskId: lost.tasks[0]?.id ?? '' }))).code).toBe('NOT_FOUND')
    expect((await refusal(ada.tasks.complete(lease))).code).toBe('STALE_LEASE')
    expect((await refusal(bob.tasks.claim({}))).code).toBe('TOKEN_REVOKED')
    // These requirements get the number of a lost claim group.
    const task = await lead.tasks.create({ type: 'code', requires: ['new'], priority: 'critical' })
    const cleo = await server.agent('cleo', { capabilities: ['new'] })
    expect((await claimOne(cleo)).id).toBe(task.id)
    await using second = await TestServer.start({
      clock: systemClock,
      postgres: postgresAt(primary),
      folder: server.folder,
    })
    expect(second.parts.store.epoch).toBe(server.parts.store.epoch)
    // The server stops before its database, which is the former standby.
    await server.stop()
  },
)

test.skipIf(postgresServer === undefined)(
  'a copy of a database is another epoch, and the database itself keeps its own',
  async () => {
    await using database = await Database.create()
    const write = async (url: string): Promise<{ epoch: string; again: string }> => {
      const epochs: string[] = []
      for (const _ of upTo(2)) {
        await using store = await openPostgres({ url })
        await store.transact({ project: await projectOf(store) }, async (tx) => tx.append(note('one')))
        epochs.push(store.epoch)
      }
      return { epoch: epochs[0] ?? '', again: epochs[1] ?? '' }
    }
    const original = await write(database.url)
    expect(original.again).toBe(original.epoch)
    await using copy = await Database.create({ from: database })
    const copied = await write(copy.url)
    expect(copied.again).toBe(copied.epoch)
    expect(copied.epoch).not.toBe(original.epoch)
    expect((await write(database.url)).epoch).toBe(original.epoch)
    // `pg_restore --clean` does the same: it creates the table again in the same database.
    await database.raw((client) =>
      client.query(
        'create table saved (like events including all); drop table events cascade; alter table saved rename to events',
      ),
    )
    expect((await write(database.url)).epoch).not.toBe(original.epoch)
  },
)
