import { afterEach, beforeEach, expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'

let server: TestServer

beforeEach(async () => {
  server = await TestServer.start({ config: { devRole: 'admin' } })
})
afterEach(() => server[Symbol.asyncDispose]())

test('a held lock has its holder, the time it is held since and the tasks that wait for it', async () => {
  const lead = server.connect()
  const ada = await server.agent('ada')
  const bob = await server.agent('bob')
  const { id: taskId } = await lead.tasks.create({ type: 'code', title: 'First', locks: ['file:src'] })
  const [task] = (await ada.tasks.claim({})).tasks
  const { id: second } = await lead.tasks.create({ type: 'code', title: 'Second', locks: ['file:src/a'] })
  const { id: third } = await lead.tasks.create({ type: 'code', title: 'Third', locks: ['file:src/b'] })
  expect((await bob.tasks.claim({ limit: 2 })).tasks).toEqual([])
  const { locks, pools, nextCursor } = await lead.locks.list({})
  expect(pools).toEqual([])
  expect(nextCursor).toBeNull()
  expect(locks).toMatchObject([
    {
      lock: 'file:src',
      kind: 'path',
      holder: { taskId, title: 'First', agentName: 'ada', agentId: ada.id, leaseExpiresAt: task?.leaseExpiresAt },
      waiting: 2,
      waiters: [
        { taskId: second, title: 'Second' },
        { taskId: third, title: 'Third' },
      ],
    },
  ])
})

test('a lock that was taken during a lease is in the list, and a released one is not', async () => {
  const lead = server.connect()
  const ada = await server.agent('ada')
  await lead.tasks.create({ type: 'code' })
  const [task] = (await ada.tasks.claim({})).tasks
  if (!task) throw new Error('there is no task')
  const { id: taskId, leaseToken } = task
  await ada.tasks.lock({ taskId, leaseToken, locks: ['port:3000'] })
  expect((await lead.locks.list({})).locks).toMatchObject([{ lock: 'port:3000', kind: 'key', waiting: 0, waiters: [] }])
  await ada.tasks.complete({ taskId, leaseToken })
  expect((await lead.locks.list({})).locks).toEqual([])
})

test('a pool has its size, its holders and more waiting tasks than it names', async () => {
  const lead = server.connect()
  const ada = await server.agent('ada')
  await lead.projects.setPools({ pools: { gpu: 1, none: 0 } })
  for (let n = 0; n < 13; n += 1) await lead.tasks.create({ type: 'code', title: `T${n}`, locks: ['pool:gpu'] })
  const { tasks } = await ada.tasks.claim({ limit: 13 })
  const { pools } = await lead.locks.list({})
  expect(tasks).toHaveLength(1)
  expect(pools).toMatchObject([
    { name: 'gpu', size: 1, held: 1, holders: [{ taskId: tasks[0]?.id, agentName: 'ada' }], waiting: 12 },
    { name: 'none', size: 0, held: 0, holders: [], waiting: 0, waiters: [] },
  ])
  expect(pools[0]?.waiters.map(({ title }) => title)).toEqual(Array.from({ length: 5 }, (_, n) => `T${n + 1}`))
})

test('locks come in pages by name, and only the first page has the pools', async () => {
  const lead = server.connect()
  const ada = await server.agent('ada')
  await lead.projects.setPools({ pools: { gpu: 1 } })
  for (const n of [3, 1, 2]) await lead.tasks.create({ type: 'code', locks: [`port:${n}`] })
  await ada.tasks.claim({ limit: 3 })
  const first = await lead.locks.list({ limit: 2 })
  expect(first.locks.map(({ lock }) => lock)).toEqual(['port:1', 'port:2'])
  expect(first.pools).toHaveLength(1)
  const second = await lead.locks.list({ limit: 2, cursor: first.nextCursor ?? '' })
  expect(second.locks.map(({ lock }) => lock)).toEqual(['port:3'])
  expect([second.pools, second.nextCursor]).toEqual([[], null])
})

test('another project has no part in it, and a page of more than 100 is refused', async () => {
  const lead = server.connect()
  const ada = await server.agent('ada')
  await lead.tasks.create({ type: 'code', locks: ['port:1'] })
  await ada.tasks.claim({})
  await lead.projects.create({ name: 'other' })
  expect((await lead.locks.list({})).locks).toHaveLength(1)
  expect((await server.connect({ project: 'other' }).locks.list({})).locks).toEqual([])
  expect(await refusal(lead.locks.list({ limit: 101 }))).toMatchObject({ code: 'INVALID_INPUT' })
})
