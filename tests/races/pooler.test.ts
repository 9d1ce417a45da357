import { systemClock } from '@tony/mcp-server/platform/clock'
import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { upTo } from '../store/given.ts'
import { Pooler } from '../support/pooler.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { TestServer, take } from '../support/server.ts'

const ways = [
  { name: 'with a direct connection for notifications', direct: true },
  { name: 'without a direct connection', direct: false },
] as const

/** Starts two servers behind one pooler. */
async function behindPooler(direct: boolean) {
  const stack = new AsyncDisposableStack()
  const database = stack.use(await Database.create())
  const pooler = stack.use(await Pooler.start(database.url))
  const postgres = { url: pooler.url, directUrl: direct ? database.url : undefined, pooler: true, notify: true }
  const first = stack.use(await TestServer.start({ clock: systemClock, postgres }))
  // Both servers use the folder of the first, because they share the pepper.
  const second = stack.use(await TestServer.start({ clock: systemClock, postgres, folder: first.folder }))
  return { database, pooler, first, second, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe.skipIf(postgresServer === undefined).each(ways)(
  'replicas behind a pooler that gives each transaction another connection, $name',
  ({ direct }) => {
    test('deliver tasks and messages, each once, and have one feed', async () => {
      await using replicas = await behindPooler(direct)
      const { first, second, database, pooler } = replicas
      const [ann, bob] = [await first.agent('ann'), await second.agent('bob')]
      const mail = take(bob.messages.inbox({}), 20)
      const feed = take(second.connect().events.subscribe({ cursor: 'start', types: ['task.completed'] }), 20)
      const waiting = bob.tasks.claim({ waitMs: 20_000 })
      await first.connect().tasks.createMany({ tasks: upTo(20).map(() => ({ type: 'code' })) })
      const [early] = (await waiting).tasks
      if (!early) throw new Error('a claim that waited at one did not find what was created at the other')
      await bob.tasks.complete(leaseOf(early))
      for (const index of upTo(19)) {
        const agent = index % 2 === 0 ? ann : bob
        await agent.tasks.complete(leaseOf(await claimOne(agent)))
      }
      for (const payload of upTo(20)) await ann.messages.send({ to: 'bob', type: 'note', payload })
      expect((await mail).map(({ payload }) => payload)).toEqual(upTo(20))
      expect(new Set((await feed).map(({ subject }) => subject)).size).toBe(20)
      expect(await database.rows("select id from tasks where status <> 'completed' or attempt <> 1")).toEqual([])
      expect(pooler.transactions).toBeGreaterThan(100)
    })
  },
)

test.skipIf(postgresServer === undefined)('the pooler of these tests keeps no state of a session', async () => {
  await using database = await Database.create()
  await using pooler = await Pooler.start(database.url)
  const client = new Client(pooler.url)
  await client.connect()
  const query = { name: 'kept', text: 'select 1' }
  await client.query(query)
  await expect(client.query(query)).rejects.toMatchObject({ code: '26000' })
  await client.query('set search_path to nowhere')
  expect((await client.query('show search_path')).rows).not.toEqual([{ search_path: 'nowhere' }])
  await client.end()
})
