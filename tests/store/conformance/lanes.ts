import type { Lane, Store, TransactionParams } from '@tony/mcp-server/store/store'
import { expect, test } from 'vitest'
import { type Opened, projectOf } from '../../support/store.ts'
import { addProject, upTo } from '../given.ts'

/**
 * Returns a store whose writer is busy until `free` is called, and the order of the operations
 * after that.
 */
async function occupied(store: Store, project: string) {
  const [begun, blocked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const first = store.transact({ project }, () => {
    begun.resolve()
    return blocked.promise
  })
  await begun.promise
  const order: string[] = []
  const queued: Promise<unknown>[] = [first]
  return {
    order,
    add: (name: string, scope: Partial<TransactionParams> = {}) =>
      queued.push(store.transact({ project, ...scope }, async () => order.push(name))),
    free: async () => {
      blocked.resolve()
      await Promise.all(queued)
    },
  }
}

/** The largest number of operations in a batch. */
const batchLimit = 256

/** Several batches, so that two writers show the order between batches too. */
const many = 8_000

export function laneConformance(open: () => Promise<Opened>): void {
  test('urgent operations before earlier ones, and bulk after later ones', async () => {
    await using opened = await open()
    const { store } = opened
    const { order, add, free } = await occupied(store, await projectOf(store))
    for (const lane of ['bulk', 'normal', 'urgent'] satisfies Lane[])
      for (const index of upTo(10)) add(`${lane} ${index}`, { lane })
    await free()
    const expected = ['urgent', 'normal', 'bulk'].flatMap((lane) => upTo(10).map((index) => `${lane} ${index}`))
    expect(order).toEqual(expected)
  })

  test('one caller after another: a thousand operations of one delay another by one batch', async () => {
    await using opened = await open()
    const { store } = opened
    const { order, add, free } = await occupied(store, await projectOf(store))
    for (const index of upTo(1_000)) add(`busy ${index}`, { caller: 'busy' })
    add('modest', { caller: 'modest' })
    await free()
    expect(order.indexOf('modest')).toBeLessThan(batchLimit)
    const busy = order.filter((name) => name.startsWith('busy'))
    expect(busy).toEqual(upTo(1_000).map((index) => `busy ${index}`))
  })

  test('a bulk operation in a batch without others, whose replies would wait for it', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const { free } = await occupied(store, project)
    const begun = Promise.withResolvers<string>()
    const bulk = store.transact({ project, lane: 'bulk' }, async () => begun.resolve('bulk has begun'))
    const normal = store.transact({ project }, () => Promise.resolve('normal is committed'))
    const first = Promise.race([begun.promise, normal])
    await free()
    expect(await first).toBe('normal is committed')
    await bulk
  })

  test('a bulk operation within eight batches, for any number of urgent ones', async () => {
    await using opened = await open()
    const { store } = opened
    const { order, add, free } = await occupied(store, await projectOf(store))
    add('bulk', { lane: 'bulk' })
    for (const index of upTo(10 * batchLimit)) add(`urgent ${index}`, { lane: 'urgent' })
    await free()
    expect(order.indexOf('bulk')).toBeLessThan(8 * batchLimit)
  })

  test('a project with few operations, although another has many', async () => {
    await using opened = await open()
    const { store } = opened
    const [busy, modest] = [await projectOf(store), await addProject(store, 'modest')]
    const { order, add, free } = await occupied(store, busy)
    for (const index of upTo(many)) add(`busy ${index}`)
    add('modest', { project: modest })
    await free()
    expect(order.indexOf('modest')).toBeLessThan(many)
  })

  test('each operation with the time of its arrival, although it had to wait', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const { free } = await occupied(store, project)
    const before = store.now()
    const times = store.transact({ project }, async ({ arrivedAt, settledAt, now }) => ({ arrivedAt, settledAt, now }))
    await free()
    const { arrivedAt, settledAt, now } = await times
    expect(arrivedAt).toBeGreaterThanOrEqual(before)
    expect(arrivedAt).toBeLessThanOrEqual(now)
    expect(settledAt).toBe(now)
  })

  test('each operation with the arrival of its call, which is settled only once the call is queued and has run', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const arrivedAt = store.now() - 5_000
    const settled = () => store.transact({ project }, async ({ settledAt }) => settledAt)
    store.setArrivalSource(() => arrivedAt)
    expect(await settled()).toBe(arrivedAt)
    store.setArrivalSource(() => Number.POSITIVE_INFINITY)
    const urgent = (at?: number) =>
      store.transact({ project, lane: 'urgent', arrivedAt: at }, async (tx) => tx.arrivedAt)
    const queued: Promise<number>[] = []
    const whileQueued = await store.transact({ project }, async (tx) => {
      queued.push(urgent(), urgent(arrivedAt))
      return tx.settledAt
    })
    expect(whileQueued).toBe(arrivedAt)
    expect((await Promise.all(queued)).at(1)).toBe(arrivedAt)
    expect(await settled()).toBeGreaterThan(arrivedAt)
  })

  test('and reports the age of the longest wait, and none without a wait', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const { add, free } = await occupied(store, project)
    expect(store.queueAgeMs({ project })).toBeLessThan(60_000)
    add('one')
    await free()
    await store.transact({ project }, () => Promise.resolve())
    expect(store.queueAgeMs({ project: 'nobody', lane: 'bulk' })).toBe(0)
  })
}
