import type { Client } from '@tony/mcp-client'
import {
  rowlessStatement,
  type StatementParts,
  type Store,
  singleRowUpdate,
  statement,
  type Transaction,
} from '@tony/mcp-server/store/store'
import { and, eq, sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { Database, openedPostgres, postgresServer } from '../support/postgres.ts'
import { type TestAgent, TestServer } from '../support/server.ts'
import { projectOf } from '../support/store.ts'
import { miscountsBy } from '../support/verify/miscounts.ts'
import { addAgent, feed, note, numbered, outcomes, put } from './given.ts'
import { below, codeOf, inOneBatch } from './one-batch.ts'

const insertBody = rowlessStatement(({ db, t, p }: StatementParts<{ id: string; payload: string }>) =>
  db.insert(t.bodies).values({ id: p.id, payload: p.payload }).prepare(),
)

const findBody = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db.select({ payload: t.bodies.payload }).from(t.bodies).where(eq(t.bodies.id, p.id)).prepare(),
)

const replaceBody = singleRowUpdate(
  statement(({ db, t, p }: StatementParts<{ id: string; from: string; to: string }>) =>
    db
      .update(t.bodies)
      .set({ payload: p.to })
      .where(and(eq(t.bodies.id, p.id), eq(t.bodies.payload, p.from)))
      .returning({ payload: t.bodies.payload })
      .prepare(),
  ),
)

const lengthenBody = singleRowUpdate(
  statement(({ db, t, p }: StatementParts<{ id: string }>) =>
    db
      .update(t.bodies)
      .set({ payload: sql`${t.bodies.payload} || '.'` })
      .where(eq(t.bodies.id, p.id))
      .returning({ payload: t.bodies.payload })
      .prepare(),
  ),
)

const insertSubscription = rowlessStatement(
  ({ db, t, p }: StatementParts<{ agentId: string; topic: string; project: string }>) =>
    db.insert(t.subscriptions).values({ agentId: p.agentId, topic: p.topic, projectId: p.project }).prepare(),
)

/** Runs operations that wait at the same time, each under keys of its own. */
function together<T>(
  store: Store,
  project: string,
  works: readonly ((tx: Transaction) => Promise<T>)[],
  keysOf: (index: number) => readonly string[] = () => [],
): Promise<T>[] {
  return works.map((work, index) => store.transact({ project, serialKeys: keysOf(index) }, work))
}

describe.skipIf(postgresServer === undefined)('operations of a batch that run at the same time', () => {
  test('get the rows of their own statements, with the values of each in its place', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    const payloads = ['{}', '"a,b"', '{"quote":"\\""}', 'null', '"\\\\"', '"NULL"', '', '"é\u{1F600}"', "'", '(']
    for (const round of below(3)) {
      const ids = payloads.map((_, index) => numbered(`r${round}-`, index))
      const works = payloads.map((payload, index) => async (tx: Transaction) => {
        const id = ids[index] ?? ''
        await tx.run(insertBody, { id, payload })
        const [stored] = await tx.run(findBody, { id })
        const [replaced] = await tx.run(replaceBody, { id, from: payload, to: `${payload} ` })
        return [stored?.payload, replaced?.payload]
      })
      const expected = payloads.map((payload) => [payload, `${payload} `])
      expect(await Promise.all(together(store, project, works))).toEqual(expected)
    }
  })

  test('change one row one after another, as if each had waited for the one before it', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    await store.transact({ project }, (tx) => tx.run(insertBody, { id: 'b', payload: '' }))
    const works = below(20).map(() => async (tx: Transaction) => {
      const [lengthened] = await tx.run(lengthenBody, { id: 'b' })
      return lengthened?.payload.length
    })
    for (const round of below(3)) {
      const lengths = await Promise.all(together(store, project, works))
      expect(lengths.toSorted((a = 0, b = 0) => a - b)).toEqual(below(20).map((index) => round * 20 + index + 1))
    }
  })

  test('have the order of the batch in the feed, and those of one caller in their rows', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    const order: number[] = []
    const works = below(40).map((index) => async (tx: Transaction) => {
      // The first ones have more to read.
      for (const _ of below(5 - Math.floor(index / 8))) await tx.run(findBody, { id: 'none' })
      await tx.inOrder()
      order.push(index)
      tx.append(note(numbered('s', index)))
    })
    await Promise.all(together(store, project, works))
    expect(order).toEqual(below(40))
    expect((await store.read(feed)).map(({ subject }) => subject)).toEqual(
      below(40).map((index) => numbered('s', index)),
    )
  })

  test('share a value, and those with a common key do not run at the same time', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    let running = 0
    const work = async (tx: Transaction) => {
      running += 1
      const seen = running
      const shared = tx.share('sum', () => ({ sum: 0 }))
      await tx.run(findBody, { id: 'none' })
      running -= 1
      shared.sum += 1
      return [seen, shared.sum]
    }
    const works = below(6).map(() => work)
    const free = await Promise.all(together(store, project, works))
    expect(free.map(([, sum]) => sum)).toEqual([1, 2, 3, 4, 5, 6])
    const apart = await Promise.all(together(store, project, works, () => ['one']))
    expect(apart).toEqual(below(6).map(() => [1, 1]))
  })

  test('fail alone: the others commit, and nothing of the failed one stays', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    const agentId = await addAgent(store, project, 'a')
    for (const round of below(3)) {
      const works = below(10).map((index) => async (tx: Transaction) => {
        await tx.run(insertBody, { id: `${round}-${index}`, payload: '{}' })
        if (index === 3) throw new Error('refused')
        tx.append(note(`${round}-${index}`))
        // The seventh violates the key of the fifth.
        const topic = `${round}-${index === 7 ? 5 : index}`
        await tx.run(insertSubscription, { agentId, topic, project })
      })
      const results = await Promise.allSettled(together(store, project, works))
      const failed = results.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))
      expect(failed).toEqual([3, 7])
    }
    const stored = await opened.rows<{ id: string }>('select id from bodies order by id')
    expect(stored.map(({ id }) => id)).toEqual(
      below(3).flatMap((round) => [0, 1, 2, 4, 5, 6, 8, 9].map((index) => `${round}-${index}`)),
    )
    expect(await store.read(feed)).toHaveLength(24)
  })

  test('are refused one by one when a fence of theirs has ended', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    const agents = await Promise.all(below(4).map((index) => addAgent(store, project, `agent ${index}`)))
    const sent = agents.map((agentId, index) => {
      const fence = { sessionId: agentId, agentId, incarnation: index === 2 ? 2 : 1 }
      return store.transact({ project, serialKeys: [], fence }, (tx) => put(tx, agentId))
    })
    expect(await outcomes(sent)).toEqual(agents.with(2, 'STALE_INCARNATION'))
    expect(await opened.rows('select id from bodies')).toHaveLength(3)
  })
})

type Send = Parameters<Client['messages']['send']>[0]

/** Sends of one agent: repeated keys, full inboxes, replies, unknown names, an id and a name. */
function sendsTo(bob: TestAgent, replyTo: string): Send[] {
  const sends: Send[] = below(60).map((index) => ({
    to: index % 3 === 0 ? bob.id : index % 3 === 1 ? 'bob' : 'cat',
    type: 'note',
    payload: index,
    idempotencyKey: `key ${index}`,
    ...(index % 7 === 0 && { replyTo }),
    ...(index % 5 === 0 && { priority: 'critical' as const }),
    ...(index % 4 === 0 && { ttlMs: 60_000 }),
  }))
  return [
    ...sends.slice(0, 20),
    { to: 'nobody', type: 'note', payload: 100 },
    { to: 'cat', type: 'note', payload: 101, idempotencyKey: 'key 8' },
    ...sends.slice(5, 6),
    ...sends.slice(20),
    { to: '*', type: 'note', payload: 102 },
    { to: 'cat', type: 'note', payload: 103, replyTo: '00000000-0000-4000-8000-000000000000' },
  ]
}

/** Plays messages in batches and returns all that a caller or an operator could see of them. */
async function play(server: TestServer) {
  const [ann, bob, cat] = [await server.agent('ann'), await server.agent('bob'), await server.agent('cat')]
  const first = await cat.messages.send({ to: 'ann', type: 'note', payload: -1 })
  const sends = sendsTo(bob, first.id)
  const sent = await inOneBatch(
    server,
    sends.map((send) => () => ann.messages.send(send, { once: true })),
  )
  const receives = [bob, cat, bob].map((agent) => () => agent.messages.receive({ limit: 9 }))
  const received = await inOneBatch(server, receives)
  const deliveries = received.flatMap((result) =>
    result.status === 'fulfilled' ? (result.value as Awaited<ReturnType<Client['messages']['receive']>>).messages : [],
  )
  const acks = [...deliveries, ...deliveries.slice(0, 3)].map(({ id, receipt, to }, index) => () => {
    const agent = to === bob.id ? bob : cat
    const messageId = id
    return agent.messages.ack({ messageId, receipt: index % 6 === 5 ? 'not the receipt' : receipt }, { once: true })
  })
  const more = [() => ann.messages.send({ to: 'bob', type: 'note', payload: 200 }, { once: true })]
  const acked = await inOneBatch(server, [...acks, ...more])
  const names = new Map([ann, bob, cat].map(({ id, name }) => [id, name]))
  const messages = server.query<{ id: string; payload: string; to_agent: string; status: string }>(
    `select m.id, coalesce(m.payload, b.payload) as payload, m.to_agent, m.status, m.ready, m.priority, m.retry_count,
       m.expires_at, m.ended_at from messages m left join bodies b on b.id = m.body_id order by m.ord`,
  )
  const payloads = new Map(messages.map(({ id, payload }) => [id, payload]))
  const events = server.query<{ type: string; subject: string }>('select type, subject from event_log order by seq')
  return {
    sent: sent.map(codeOf),
    received: deliveries.map(({ payload, to }) => [payload, names.get(to)]),
    acked: acked.map(codeOf),
    messages: messages.map(({ id: _, to_agent, ...row }) => ({ ...row, to: names.get(to_agent) })),
    events: events.map(({ type, subject }) => [type, payloads.get(subject) ?? names.get(subject)]),
    keys: server.query('select count(*) as keys from idempotency_keys'),
    repeated: sent[22]?.status === 'fulfilled' && sent[5]?.status === 'fulfilled' && sent[22].value,
    firstOf: sent[5]?.status === 'fulfilled' && sent[5].value,
    miscounts: miscountsBy((sql) => server.query(sql)),
  }
}

describe.skipIf(postgresServer === undefined)('messages in a batch', () => {
  test('have the same outcomes, rows and events at the same time as one by one', async () => {
    const playOn = async (pooler: boolean) => {
      await using database = await Database.create()
      await using server = await TestServer.start({
        postgres: { url: database.url, pooler },
        config: { maxPending: 24 },
      })
      return await play(server)
    }
    // The first one learns the forms of the statements. Behind a pooler operations run one by one.
    await playOn(false)
    const [atOnce, oneByOne] = [await playOn(false), await playOn(true)]
    expect(atOnce.repeated).toEqual(atOnce.firstOf)
    expect(new Set(atOnce.sent)).toEqual(new Set(['ok', 'NOT_FOUND', 'IDEMPOTENCY_CONFLICT', 'INBOX_FULL']))
    expect(new Set(atOnce.acked)).toEqual(new Set(['ok', 'STALE_RECEIPT']))
    expect(atOnce.miscounts).toEqual([])
    const comparable = ({ repeated: _, firstOf: __, ...rest }: Awaited<ReturnType<typeof play>>) => rest
    expect(comparable(atOnce)).toEqual(comparable(oneByOne))
  })
})
