import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

test('tasks are claimed by priority and then by age', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  for (const priority of ['low', 'normal', 'critical', 'high', 'normal', 'critical'] as const) {
    await lead.tasks.create({ type: 'code', priority })
  }
  const all = (await lead.tasks.list({})).tasks.map(({ id }) => id)
  const { tasks } = await worker.tasks.claim({ limit: 32 })
  expect(tasks.map(({ id }) => all.indexOf(id))).toEqual([2, 5, 3, 1, 4, 0])
})

test('priority and age count across tasks with different requirements', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker', { capabilities: ['rust', 'sql'] })]
  await lead.tasks.create({ type: '3', requires: ['rust'] })
  await lead.tasks.create({ type: '4' })
  await lead.tasks.create({ type: '1', requires: ['sql'], priority: 'high' })
  await lead.tasks.create({ type: '2', assignedTo: 'worker', priority: 'high' })
  const { tasks } = await worker.tasks.claim({ limit: 4 })
  expect(tasks.map(({ type }) => type)).toEqual(['1', '2', '3', '4'])
})

test('a claim returns its lease and makes the task in_progress', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const task = await claimOne(worker)
  expect(task).toMatchObject({ id, attempt: 1, failures: 0, status: 'in_progress', claimedBy: worker.id })
  expect(task.leaseExpiresAt).toBe('2026-01-01T00:00:30.000Z')
  expect(task.leaseToken.length).toBeGreaterThan(15)
  expect(await lead.tasks.get({ taskId: id })).not.toHaveProperty('leaseToken')
})

test('leaseMs is the length of the lease', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  expect((await claimOne(worker, { leaseMs: 43_200_000 })).leaseExpiresAt).toBe('2026-01-01T12:00:00.000Z')
})

test('each task has one winner with many concurrent claims', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const workers = await Promise.all(Array.from({ length: 8 }, (_, index) => server.agent(`w${index}`)))
  await lead.tasks.createMany({ tasks: Array.from({ length: 20 }, () => ({ type: 'code' })) })
  const claims = await Promise.all(workers.flatMap((worker) => [1, 2, 3, 4].map(() => worker.tasks.claim())))
  const ids = claims.flatMap(({ tasks }) => tasks.map(({ id }) => id))
  expect(ids).toHaveLength(20)
  expect(new Set(ids).size).toBe(20)
})

test('a task goes only to an agent with every required capability', async () => {
  await using server = await TestServer.start()
  const [lead, none] = [server.connect(), await server.agent('none')]
  const one = await server.agent('one', { capabilities: ['rust'] })
  const both = await server.agent('both', { capabilities: ['sql', 'rust', 'go'] })
  const { id } = await lead.tasks.create({ type: 'code', requires: ['rust', 'sql', 'rust'] })
  expect((await none.tasks.claim()).tasks).toEqual([])
  expect((await one.tasks.claim()).tasks).toEqual([])
  expect((await claimOne(both)).id).toBe(id)
})

test('an assigned task goes only to its assignee', async () => {
  await using server = await TestServer.start()
  const [lead, other, mine] = [server.connect(), await server.agent('other'), await server.agent('mine')]
  const { id } = await lead.tasks.create({ type: 'code', assignedTo: mine.id })
  expect((await other.tasks.claim()).tasks).toEqual([])
  expect((await claimOne(mine)).id).toBe(id)
})

test('an assignee without the capability does not get the task', async () => {
  await using server = await TestServer.start()
  const [lead, mine] = [server.connect(), await server.agent('mine')]
  await lead.tasks.create({ type: 'code', assignedTo: 'mine', requires: ['rust'] })
  expect((await mine.tasks.claim()).tasks).toEqual([])
})

test('tasks that an agent cannot take do not block the others', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  for (let index = 0; index < 5; index += 1) {
    await lead.tasks.create({ type: 'gpu', requires: ['gpu'], priority: 'critical' })
  }
  const { id } = await lead.tasks.create({ type: 'code', priority: 'low' })
  expect((await claimOne(worker)).id).toBe(id)
})

test('a task is not claimable before notBefore', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code', notBefore: '2026-01-01T00:00:10.000Z' })
  await server.advance(9_999)
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await server.advance(1)
  expect((await claimOne(worker)).id).toBe(id)
})

test('a claim on an empty queue returns at once with nothing', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  expect(await worker.tasks.claim()).toEqual({ tasks: [] })
})

test('the same key returns the same lease', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })
  const first = await claimOne(worker, { idempotencyKey: 'k' })
  const again = await claimOne(worker, { idempotencyKey: 'k' })
  expect(again).toEqual(first)
  expect((await lead.tasks.get({ taskId: first.id })).attempt).toBe(1)
})

test('the same key with another input is IDEMPOTENCY_CONFLICT', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  await claimOne(worker, { idempotencyKey: 'k' })
  const other = worker.tasks.claim({ idempotencyKey: 'k', limit: 2 })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('a key does not restore an ended lease', async () => {
  await using server = await TestServer.start()
  const [lead, worker, other] = [server.connect(), await server.agent('worker'), await server.agent('other')]
  await lead.tasks.create({ type: 'code' })
  await worker.tasks.release(leaseOf(await claimOne(worker, { idempotencyKey: 'k' })))
  await claimOne(other)
  expect(await worker.tasks.claim({ idempotencyKey: 'k' })).toEqual({ tasks: [] })
})

test('a claim without a result does not use its key up', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  expect((await worker.tasks.claim({ idempotencyKey: 'k' })).tasks).toEqual([])
  const { id } = await lead.tasks.create({ type: 'code' })
  expect((await claimOne(worker, { idempotencyKey: 'k' })).id).toBe(id)
})

test.each([{ limit: 0 }, { limit: 33 }, { leaseMs: 4_999 }, { leaseMs: 43_200_001 }, { waitMs: 60_001 }])(
  'a claim with %j is INVALID_INPUT',
  async (input) => {
    await using server = await TestServer.start()
    const worker = await server.agent('worker')
    expect(await refusal(worker.tasks.claim(input))).toMatchObject({ code: 'INVALID_INPUT' })
  },
)

test('an observer and a caller that is not an agent cannot claim', async () => {
  await using server = await TestServer.start()
  const observer = await server.agent('watcher', { role: 'observer' })
  expect(await refusal(server.connect().tasks.claim())).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(observer.tasks.claim())).toMatchObject({ code: 'FORBIDDEN' })
})
