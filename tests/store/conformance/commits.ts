import type { StoreNotification } from '@tony/mcp-server/store/store'
import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { type Opened, projectOf } from '../../support/store.ts'
import { addAgent, addProject, notificationFor, outcomes, put, stored, upTo } from '../given.ts'

export function commitConformance(open: () => Promise<Opened>): void {
  test('before a reply: an acknowledged write is visible to the store and to another connection', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    for (const id of ['a', 'b', 'c']) {
      expect(await store.transact({ project }, (tx) => put(tx, id))).toBe(id)
      expect(await opened.rows(`select id from bodies where id = '${id}'`)).toHaveLength(1)
      expect(await store.read(stored)).toContain(id)
    }
  })

  test('nothing of an operation that throws, and everything of the others beside it', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const results = await outcomes([
      store.transact({ project }, (tx) => put(tx, 'first')),
      store.transact({ project }, async (tx) => {
        await put(tx, 'half')
        throw new Error('no')
      }),
      store.transact({ project }, (tx) => put(tx, 'last')),
    ])
    expect(results).toEqual(['first', 'no', 'last'])
    expect(await store.read(stored)).toEqual(['first', 'last'])
  })

  test('the others when a statement of one is refused, even if that one continues after it', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const results = await outcomes([
      store.transact({ project }, (tx) => put(tx, 'taken')),
      store.transact({ project }, (tx) => put(tx, 'taken')),
      store.transact({ project }, (tx) => put(tx, 'other')),
    ])
    expect(results[0]).toBe('taken')
    expect(results[2]).toBe('other')
    expect(await store.read(stored)).toEqual(['other', 'taken'])
  })

  test('before a read sees any of it', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const seen = await store.transact({ project }, async (tx) => {
      await put(tx, 'open')
      return {
        inside: await stored(tx),
        read: await store.read(stored),
        outside: await opened.rows('select * from bodies'),
      }
    })
    expect(seen).toEqual({ inside: ['open'], read: [], outside: [] })
    expect(await store.read(stored)).toEqual(['open'])
  })

  test('and then wakes: not before the commit, and nothing for an operation that failed', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const heard: { notification: StoreNotification; rows: Promise<unknown[]> }[] = []
    store.onNotification((notification) => heard.push({ notification, rows: opened.rows('select id from bodies') }))
    const during = await store.transact({ project }, async (tx) => {
      tx.notify(notificationFor('ada'))
      await put(tx, 'row')
      await stored(tx)
      return heard.length
    })
    const [failed] = await outcomes([
      store.transact({ project }, async (tx) => {
        tx.notify(notificationFor('bob'))
        throw new Error('no')
      }),
    ])
    expect([during, failed]).toEqual([0, 'no'])
    expect(heard.map(({ notification }) => notification)).toEqual([notificationFor('ada')])
    expect(await heard[0]?.rows).toEqual([{ id: 'row' }])
  })

  test('and wakes no listener that has unsubscribed', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const heard: string[] = []
    const stop = store.onNotification(() => heard.push('first'))
    store.onNotification(() => heard.push('second'))
    stop()
    await store.transact({ project }, async (tx) => tx.notify(notificationFor('ada')))
    expect(heard).toEqual(['second'])
  })

  test('with a time that never goes back and is constant for one operation', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const times: number[] = []
    for (const _ of upTo(50)) {
      times.push(await store.transact({ project }, async (tx) => tx.now))
      times.push(await store.read(async (reader) => reader.now))
    }
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    const [first, second] = await store.transact({ project }, async (tx) => {
      const before = tx.now
      await stored(tx)
      return [before, tx.now]
    })
    expect(second).toBe(first)
  })

  test('and distinguishes a row that exists already from every other refusal', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    await addProject(store, 'other')
    await addAgent(store, project, 'ada')
    const errorOf = (work: Promise<unknown>) =>
      work.then(
        () => undefined,
        (error: unknown) => error,
      )
    const unique = await errorOf(addProject(store, 'other'))
    const named = await errorOf(
      store.transact({ project }, ({ db, t }) =>
        db.insert(t.projects).values({ id: 'third', name: 'other', createdAt: 0 }),
      ),
    )
    const missing = await errorOf(addAgent(store, 'no such project', 'bob'))
    const broken = await errorOf(
      store.transact({ project }, ({ db, t }) => db.select({ none: sql`no_such_column` }).from(t.projects)),
    )
    const own = await errorOf(store.transact({ project }, () => Promise.reject(new Error('UNIQUE constraint failed'))))
    expect([unique, named].map((error) => store.isUniqueViolation(error))).toEqual([true, true])
    expect([missing, broken, own].map((error) => error instanceof Error)).toEqual([true, true, true])
    expect([missing, broken, own, undefined].map((error) => store.isUniqueViolation(error))).toEqual([
      false,
      false,
      false,
      false,
    ])
  })
}
