import type { Reader, Store, Transaction } from '@tony/mcp-server/store/store'
import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { openedSqlite, projectOf } from '../support/store.ts'
import { addAgent } from './given.ts'

const addAgentIn = ({ db, t, now }: Transaction, project: string, id: string) =>
  db.insert(t.agents).values({
    ...{ id, projectId: project, name: id, type: 't', role: 'developer' },
    ...{ capabilities: '[]', metadata: '{}', registeredAt: now, lastActivity: now },
  })

const inboxOf = async ({ db, t }: Reader, agentId: string): Promise<string[]> => {
  const rows = await db.select({ id: t.mailboxes.agentId }).from(t.mailboxes).where(eq(t.mailboxes.agentId, agentId))
  return rows.map(({ id }) => id)
}

/** Adds an agent, reads its inbox and fails. Returns the inbox. */
async function addInVain(store: Store, project: string, id: string): Promise<string[]> {
  let found: string[] = []
  const work = async (tx: Transaction) => {
    await addAgentIn(tx, project, id)
    found = await inboxOf(tx, id)
    throw new Error('in vain')
  }
  await expect(store.transact({ project }, work)).rejects.toThrow('in vain')
  return found
}

test('an agent of a failed operation leaves no number that the next agent would share', async () => {
  await using opened = await openedSqlite()
  const { store } = opened
  const project = await projectOf(store)
  expect(await addInVain(store, project, 'ada')).toEqual(['ada'])
  await addAgent(store, project, 'bob')
  expect(await opened.rows("select id from identifiers where id in ('ada', 'bob')")).toEqual([{ id: 'bob' }])
  const both = await store.transact({ project }, async (tx) => [await inboxOf(tx, 'ada'), await inboxOf(tx, 'bob')])
  expect(both).toEqual([[], ['bob']])
})

test('nor one that failed in a batch with others', async () => {
  await using opened = await openedSqlite()
  const { store } = opened
  const project = await projectOf(store)
  const both = await Promise.all([
    addInVain(store, project, 'ada'),
    store.transact({ project }, async (tx) => {
      await addAgentIn(tx, project, 'bob')
      return [...(await inboxOf(tx, 'ada')), ...(await inboxOf(tx, 'bob'))]
    }),
  ])
  expect(both).toEqual([['ada'], ['bob']])
})

test('an id that was asked for before it existed is found afterwards, on both connections', async () => {
  await using opened = await openedSqlite()
  const { store } = opened
  const project = await projectOf(store)
  const read = () => store.read((reader) => inboxOf(reader, 'ada'))
  const write = () => store.transact({ project }, (tx) => inboxOf(tx, 'ada'))
  expect([await read(), await write()]).toEqual([[], []])
  await addAgent(store, project, 'ada')
  expect([await read(), await write()]).toEqual([['ada'], ['ada']])
})
