import { type StatementParts, statement, type Transaction } from '@tony/mcp-server/store/store'
import { expect, test } from 'vitest'
import { type Opened, projectOf } from '../../support/store.ts'
import { addProject, numbered, outcomes, put, stored, upTo } from '../given.ts'

const insertBody = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db.insert(t.bodies).values({ id: p.id, payload: '{}' }).returning({ id: t.bodies.id }).prepare(),
)

export function batchConformance(open: () => Promise<Opened>): void {
  test('operations that wait at the same time, at most 256 in a commit', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const committedBefore = await Promise.all(
      upTo(600).map((index) =>
        store.transact({ project }, async (tx) => {
          await put(tx, numbered('r', index))
          return (await opened.rows('select id from bodies')).length
        }),
      ),
    )
    const sizes = [...Map.groupBy(committedBefore, (count) => count).values()].map((batch) => batch.length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(600)
    expect(Math.max(...sizes)).toBe(256)
  })

  test('operations of one project only, in the order of their arrival', async () => {
    await using opened = await open()
    const { store } = opened
    const projects = [await projectOf(store), await addProject(store, 'other')]
    const order: string[] = []
    await Promise.all(
      upTo(100).map((index) => {
        const project = projects[index % 2] ?? ''
        return store.transact({ project }, async () => order.push(`${project} ${numbered('', index)}`))
      }),
    )
    for (const project of projects) {
      const own = order.filter((entry) => entry.startsWith(project))
      expect(own).toEqual(own.toSorted())
      expect(own).toHaveLength(50)
    }
  })

  test('one operation after another, never two at a time', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    let running = 0
    const most = await Promise.all(
      upTo(100).map((index) =>
        store.transact({ project }, async (tx) => {
          running += 1
          const seen = running
          await put(tx, numbered('r', index))
          await stored(tx)
          running -= 1
          return seen
        }),
      ),
    )
    expect(Math.max(...most)).toBe(1)
  })

  test('no statement of an operation after its end', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    let failed: Transaction | undefined
    const operation = store.transact({ project }, async (tx) => {
      failed = tx
      await tx.run(insertBody, { id: 'before' })
      throw new Error('it fails')
    })
    await expect(operation).rejects.toThrow('it fails')
    await expect(failed?.run(insertBody, { id: 'after' })).rejects.toThrow('after its end')
    expect(await opened.rows('select id from bodies')).toEqual([])
  })

  test('so that an operation sees the ones before it', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const seen = await Promise.all(
      upTo(100).map((index) =>
        store.transact({ project }, async (tx) => {
          await put(tx, numbered('r', index))
          return (await stored(tx)).length
        }),
      ),
    )
    expect(seen).toEqual(upTo(100))
  })

  test('operations of many projects at the same time, and loses none', async () => {
    await using opened = await open()
    const { store } = opened
    const projects = await Promise.all(upTo(20).map((index) => addProject(store, numbered('p', index))))
    const rows = await Promise.all(
      upTo(1_000).map((index) =>
        store.transact({ project: projects[index % projects.length] ?? '' }, (tx) => put(tx, numbered('r', index))),
      ),
    )
    expect(await store.read(stored)).toEqual(rows)
  })

  test('operations that other operations start, after them', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const nested = await store.transact({ project }, async (tx) => {
      await put(tx, 'outer')
      return { inner: store.transact({ project }, (inner) => put(inner, 'inner')) }
    })
    expect(await nested.inner).toBe('inner')
    expect(await store.read(stored)).toEqual(['inner', 'outer'])
  })

  test('no new operations once it is closed, and finishes the accepted ones', async () => {
    const opened = await open()
    try {
      const { store } = opened
      const project = await projectOf(store)
      const accepted = upTo(300).map((index) => store.transact({ project }, (tx) => put(tx, numbered('r', index))))
      const closing = store[Symbol.asyncDispose]()
      const refused = await outcomes([store.transact({ project }, (tx) => put(tx, 'late'))])
      expect(refused).toEqual(['SHUTTING_DOWN'])
      expect(await Promise.all(accepted)).toHaveLength(300)
      await closing
      expect(await opened.rows('select id from bodies')).toHaveLength(300)
    } finally {
      await opened[Symbol.asyncDispose]()
    }
  })
}
