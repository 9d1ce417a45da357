import type { Store, Transaction, TransactionParams } from '@tony/mcp-server/store/store'
import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { type Opened, projectOf } from '../../support/store.ts'
import { addAgent, feed, note, notificationFor, numbered, outcomes, put, stored, upTo } from '../given.ts'

/** Changes an agent's row as a takeover does. */
async function supersede({ db, t, notify }: Transaction, agentId: string, incarnation: number): Promise<void> {
  await db.update(t.agents).set({ incarnation }).where(eq(t.agents.id, agentId))
  notify({ topic: 'incarnation', agentId, incarnation })
}

/** Changes an agent's row as `agents.unregister` does. */
async function leave(tx: Transaction, agentId: string, incarnation: number): Promise<void> {
  await tx.db.update(tx.t.agents).set({ status: 'unregistered' }).where(eq(tx.t.agents.id, agentId))
  await supersede(tx, agentId, incarnation)
}

async function given(store: Store) {
  const project = await projectOf(store)
  await addAgent(store, project, 'ada')
  await addAgent(store, project, 'bob')
  const scope = (agentId: string, incarnation: number): TransactionParams => ({
    project,
    fence: { sessionId: agentId, agentId, incarnation },
  })
  const write = (agentId: string, incarnation: number, row: string) =>
    store.transact(scope(agentId, incarnation), async (tx) => {
      tx.append(note(row))
      return put(tx, row)
    })
  return { project, scope, write }
}

export function fenceConformance(open: () => Promise<Opened>): void {
  test('all writes of a superseded incarnation, and lets the others beside it commit', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    await store.transact({ project }, (tx) => supersede(tx, 'ada', 2))
    const results = await outcomes([
      write('bob', 1, 'b1'),
      write('ada', 1, 'old 1'),
      write('ada', 2, 'new'),
      write('ada', 1, 'old 2'),
      store.transact({ project }, (tx) => put(tx, 'unfenced')),
      write('bob', 1, 'b2'),
    ])
    expect(results).toEqual(['b1', 'STALE_INCARNATION', 'new', 'STALE_INCARNATION', 'unfenced', 'b2'])
    expect(await store.read(stored)).toEqual(['b1', 'b2', 'new', 'unfenced'])
    expect((await store.read(feed)).map(({ seq, subject }) => `${seq} ${subject}`)).toEqual(['1 b1', '2 new', '3 b2'])
  })

  test('an agent that is unregistered or never existed', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    await store.transact({ project }, (tx) => leave(tx, 'ada', 2))
    const results = await outcomes([
      write('ada', 1, 'a1'),
      write('ada', 2, 'a2'),
      write('nobody', 1, 'n'),
      write('bob', 1, 'b'),
    ])
    expect(results).toEqual(['TOKEN_REVOKED', 'TOKEN_REVOKED', 'TOKEN_REVOKED', 'b'])
    expect(await store.read(stored)).toEqual(['b'])
  })

  test('writes after a takeover in the same batch, and not those before it', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    const results = await outcomes([
      write('ada', 1, 'before'),
      store.transact({ project }, (tx) => supersede(tx, 'ada', 2)),
      write('ada', 1, 'after'),
      write('bob', 1, 'other'),
      write('ada', 2, 'successor'),
    ])
    expect(results).toEqual(['before', undefined, 'STALE_INCARNATION', 'other', 'successor'])
    expect(await store.read(stored)).toEqual(['before', 'other', 'successor'])
  })

  test('an incarnation only after it has ended itself', async () => {
    await using opened = await open()
    const { store } = opened
    const { scope, write } = await given(store)
    const results = await outcomes([
      write('ada', 1, 'before'),
      store.transact(scope('ada', 1), (tx) => leave(tx, 'ada', 2)),
      write('ada', 1, 'after'),
    ])
    expect(results).toEqual(['before', undefined, 'TOKEN_REVOKED'])
    expect(await store.read(stored)).toEqual(['before'])
    expect(await outcomes([write('ada', 1, 'later')])).toEqual(['TOKEN_REVOKED'])
  })

  test('a stale incarnation that would end its successor, and not that successor', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, scope, write } = await given(store)
    await store.transact({ project }, (tx) => supersede(tx, 'ada', 2))
    const results = await outcomes([
      store.transact(scope('ada', 1), (tx) => leave(tx, 'ada', 3)),
      write('ada', 2, 'alive'),
    ])
    expect(results).toEqual(['TOKEN_REVOKED', 'alive'])
    expect(await opened.rows("select status, incarnation from agents where id = 'ada'")).toEqual([
      { status: 'active', incarnation: 2 },
    ])
  })

  test('no agent after a takeover that failed', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    const results = await outcomes([
      store.transact({ project }, async (tx) => {
        await supersede(tx, 'ada', 2)
        throw new Error('no')
      }),
      write('ada', 1, 'still'),
    ])
    expect(results).toEqual(['no', 'still'])
  })

  test('by running the other operations again, without a double effect', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    await store.transact({ project }, (tx) => supersede(tx, 'ada', 2))
    const woken: string[] = []
    store.onNotification((notification) => {
      if (notification.topic === 'inbox') woken.push(notification.agentId)
    })
    let runs = 0
    const counted = store.transact({ project }, async (tx) => {
      runs += 1
      tx.append(note('once'))
      tx.notify(notificationFor('once'))
      const before = await stored(tx)
      await put(tx, 'once')
      return before
    })
    expect(await outcomes([counted, write('ada', 1, 'old')])).toEqual([[], 'STALE_INCARNATION'])
    expect(runs).toBeGreaterThan(1)
    expect(await store.read(stored)).toEqual(['once'])
    expect((await store.read(feed)).map(({ seq, subject }) => [seq, subject])).toEqual([[1, 'once']])
    expect(woken).toEqual(['once'])
  })

  test('each of 256 agents in one batch independently', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    const agents = await Promise.all(upTo(256).map((index) => addAgent(store, project, numbered('agent', index))))
    const stale = agents.filter((_, index) => index % 2 === 0)
    await Promise.all(stale.map((agent) => store.transact({ project }, (tx) => supersede(tx, agent, 2))))
    const results = await outcomes(agents.map((agent) => write(agent, 1, agent)))
    expect(results).toEqual(agents.map((agent) => (stale.includes(agent) ? 'STALE_INCARNATION' : agent)))
  })
}
