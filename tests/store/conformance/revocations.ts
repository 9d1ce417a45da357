import type { Store, Transaction, TransactionParams } from '@tony/mcp-server/store/store'
import { and, eq, isNull } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { dice } from '../../support/dice.ts'
import { type Opened, projectOf } from '../../support/store.ts'
import { addAgent, numbered, outcomes, put, stored, upTo } from '../given.ts'

/** Changes a session's row as a revocation does. */
async function revoke({ db, t, now, notify }: Transaction, id: string): Promise<void> {
  const revoked = await db
    .update(t.sessions)
    .set({ revokedAt: now })
    .where(and(eq(t.sessions.id, id), isNull(t.sessions.revokedAt)))
    .returning({ id: t.sessions.id })
  if (revoked.length > 0) notify({ topic: 'revoked', sessions: [id] })
}

async function revokeKey({ db, t, now, notify }: Transaction, id: string): Promise<void> {
  await db.update(t.credentials).set({ revokedAt: now }).where(eq(t.credentials.id, id))
  notify({ topic: 'revoked', sessions: [], key: id })
}

/** Creates sessions with the ids of their agents. */
async function given(store: Store) {
  const project = await projectOf(store)
  for (const name of ['ada', 'bob']) await addAgent(store, project, name)
  await store.transact({ project }, ({ db, t, now }) =>
    db.insert(t.credentials).values({
      id: 'key',
      projectId: project,
      name: 'key',
      secretHash: '',
      scopes: '[]',
      roleCeiling: 'observer',
      cidrs: '[]',
      createdAt: now,
      expiresAt: now,
    }),
  )
  const scope = (id: string): TransactionParams => ({
    project,
    fence: id === 'key' ? { credentialId: id } : { sessionId: id, agentId: id, incarnation: 1 },
  })
  const write = (id: string, row: string) => store.transact(scope(id), (tx) => put(tx, row))
  return { project, scope, write }
}

export function revocationConformance(open: () => Promise<Opened>): void {
  test('all writes of a revoked session, and lets the others beside it commit', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    await store.transact({ project }, (tx) => revoke(tx, 'ada'))
    expect(await outcomes([write('bob', 'b1'), write('ada', 'a1'), write('bob', 'b2')])).toEqual([
      'b1',
      'TOKEN_REVOKED',
      'b2',
    ])
    expect(await store.read(stored)).toEqual(['b1', 'b2'])
  })

  test('all writes of a revoked key', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    const results = await outcomes([
      write('key', 'before'),
      store.transact({ project }, (tx) => revokeKey(tx, 'key')),
      write('key', 'after'),
      write('bob', 'b'),
    ])
    expect(results).toEqual(['before', undefined, 'TOKEN_REVOKED', 'b'])
    expect(await outcomes([write('key', 'later')])).toEqual(['TOKEN_REVOKED'])
    expect(await store.read(stored)).toEqual(['b', 'before'])
  })

  test('a session or key that never existed', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    const nobody: TransactionParams = { project, fence: { credentialId: 'nobody' } }
    expect(await outcomes([write('nobody', 'n'), store.transact(nobody, (tx) => put(tx, 'k'))])).toEqual([
      'TOKEN_REVOKED',
      'TOKEN_REVOKED',
    ])
  })

  test('writes after a revocation in the same batch, and not those before it or the revocation itself', async () => {
    await using opened = await open()
    const { store } = opened
    const { scope, write } = await given(store)
    const results = await outcomes([
      write('ada', 'before'),
      store.transact(scope('ada'), (tx) => revoke(tx, 'ada')),
      write('ada', 'after'),
      write('bob', 'other'),
    ])
    expect(results).toEqual(['before', undefined, 'TOKEN_REVOKED', 'other'])
    expect(await store.read(stored)).toEqual(['before', 'other'])
  })

  test('a revoked session even if a takeover follows in the same batch', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, write } = await given(store)
    const results = await outcomes([
      store.transact({ project }, (tx) => revoke(tx, 'ada')),
      write('ada', 'between'),
      store.transact({ project }, async ({ db, t, notify }) => {
        await db.update(t.agents).set({ incarnation: 2 }).where(eq(t.agents.id, 'ada'))
        notify({ topic: 'incarnation', agentId: 'ada', incarnation: 2 })
      }),
    ])
    expect(results).toEqual([undefined, 'TOKEN_REVOKED', undefined])
    expect(await store.read(stored)).toEqual([])
  })

  test('a revocation by a revoked caller', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, scope, write } = await given(store)
    const results = await outcomes([
      store.transact({ project }, (tx) => revoke(tx, 'ada')),
      store.transact(scope('ada'), (tx) => revoke(tx, 'bob')),
      write('bob', 'alive'),
    ])
    expect(results).toEqual([undefined, 'TOKEN_REVOKED', 'alive'])
    expect(await opened.rows('select id from sessions where revoked_at is not null')).toEqual([{ id: 'ada' }])
  })

  test('every write that would commit after the revocation, in a thousand races', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, scope } = await given(store)
    const roll = dice(7)
    for (const race of upTo(1_000)) {
      const agent = await addAgent(store, project, numbered('agent', race))
      const order: string[] = []
      const write = (row: string) =>
        store.transact(scope(agent), (tx) => put(tx, `${agent} ${row}`)).then(() => order.push(row))
      const before = roll(4)
      const calls = upTo(8).map((index) => {
        if (index === before + 1)
          return store.transact({ project }, (tx) => revoke(tx, agent)).then(() => order.push('revoked'))
        return write(String(index))
      })
      const settled = outcomes(calls)
      if (roll(2) === 0) await new Promise((resolve) => setImmediate(resolve))
      await outcomes([write('late')])
      await settled
      expect(order.slice(order.indexOf('revoked') + 1)).toEqual([])
      expect(order).toHaveLength(before + 1)
    }
  })
}
