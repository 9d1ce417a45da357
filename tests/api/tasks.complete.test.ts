import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

test('a repeated completion with the same token has no further effect', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  const first = await worker.tasks.complete({ ...lease, result: 1 })
  expect(await worker.tasks.complete({ ...lease, result: 2 })).toEqual(first)
  expect((await lead.tasks.get({ taskId: lease.taskId })).result).toBe(1)
  expect((await lead.events.list({ types: ['task.completed'] })).events).toHaveLength(1)
})

test('a result can be any JSON, and an absent one is null', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  for (const result of [0, false, '', [], { a: [{ b: null }] }]) {
    const { id } = await lead.tasks.create({ type: 'code' })
    await worker.tasks.complete({ ...leaseOf(await claimOne(worker)), result })
    expect((await lead.tasks.get({ taskId: id })).result).toEqual(result)
  }
  const { id } = await lead.tasks.create({ type: 'code' })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ result: null, completedAt: '2026-01-01T00:00:00.000Z' })
})

test('a completion after the lease has expired counts while no agent has claimed the task since', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker, { leaseMs: 5_000 }))
  await server.advance(6_000)
  expect((await lead.tasks.get({ taskId: id })).status).toBe('pending')
  expect(await worker.tasks.complete({ ...lease, result: 'late' })).toMatchObject({ status: 'completed' })
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'completed', result: 'late', failures: 1 })
  expect((await worker.tasks.claim()).tasks).toEqual([])
})

test('a released task cannot be completed with the old token', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.release(lease)
  expect(await refusal(worker.tasks.complete(lease))).toMatchObject({
    code: 'STALE_LEASE',
    details: { status: 'pending' },
  })
})

test('an old attempt of the same agent is refused', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const old = leaseOf(await claimOne(worker, { leaseMs: 5_000 }))
  await server.advance(5_000)
  const current = leaseOf(await claimOne(worker))
  expect(await refusal(worker.tasks.complete(old))).toMatchObject({ code: 'STALE_LEASE', details: { attempt: 2 } })
  expect(await worker.tasks.complete(current)).toMatchObject({ status: 'completed' })
})

test('a completion after the expiry of the last attempt is refused: the failed task stays failed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code', maxAttempts: 1 })
  const lease = leaseOf(await claimOne(worker, { leaseMs: 5_000 }))
  await server.advance(5_000)
  expect(await refusal(worker.tasks.complete(lease))).toMatchObject({
    code: 'STALE_LEASE',
    details: { status: 'failed' },
  })
  expect((await lead.tasks.get({ taskId: id })).status).toBe('failed')
})

test('tasks.next completes one task and claims the next', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const first = await lead.tasks.create({ type: 'code' })
  const second = await lead.tasks.create({ type: 'code' })
  const completed = { ...leaseOf(await claimOne(worker)), result: 'done' }
  const { tasks } = await worker.tasks.next({ completed, leaseMs: 60_000 })
  expect(tasks).toMatchObject([{ id: second.id, attempt: 1, leaseExpiresAt: '2026-01-01T00:01:00.000Z' }])
  expect(await lead.tasks.get({ taskId: first.id })).toMatchObject({ status: 'completed', result: 'done' })
})

test('tasks.next claims the task that its completion unblocks', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const after = await lead.tasks.create({ type: 'code', dependsOn: [id] })
  const { tasks } = await worker.tasks.next({ completed: leaseOf(await claimOne(worker)) })
  expect(tasks[0]?.id).toBe(after.id)
})

test('tasks.next completes when there is no next task, and may wait for one', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const completed = leaseOf(await claimOne(worker))
  const next = worker.tasks.next({ completed, waitMs: 20_000 })
  await worker.agents.heartbeat({})
  expect((await lead.tasks.get({ taskId: id })).status).toBe('completed')
  const created = await lead.tasks.create({ type: 'code' })
  expect((await next).tasks[0]?.id).toBe(created.id)
})

test('tasks.next with a stale lease is refused and claims nothing', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const second = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.release(lease)
  expect(await refusal(worker.tasks.next({ completed: lease }))).toMatchObject({ code: 'STALE_LEASE', applied: 'no' })
  expect(await lead.tasks.get({ taskId: second.id })).toMatchObject({ status: 'pending', attempt: 0 })
})

test('tasks.next with the same key returns the same lease, and with another input it is refused', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.createMany({ tasks: [{ type: 'a' }, { type: 'b' }, { type: 'c' }] })
  const completed = leaseOf(await claimOne(worker))
  const first = await worker.tasks.next({ completed, idempotencyKey: 'k' })
  expect(first.tasks).toHaveLength(1)
  expect(await worker.tasks.next({ completed, idempotencyKey: 'k' })).toEqual(first)
  const other = worker.tasks.next({ completed: { ...completed, result: 1 }, idempotencyKey: 'k' })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('tasks.next needs a developer', async () => {
  await using server = await TestServer.start()
  const observer = await server.agent('watcher', { role: 'observer' })
  const completed = { taskId: '01900000-0000-7000-8000-000000000000', leaseToken: 'x' }
  expect(await refusal(observer.tasks.next({ completed }))).toMatchObject({ code: 'FORBIDDEN' })
  const worker = await server.agent('worker')
  expect(await refusal(worker.tasks.next({ completed }))).toMatchObject({ code: 'NOT_FOUND' })
})
