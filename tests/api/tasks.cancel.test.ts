import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

test('a cancelled task is not claimed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  expect(await lead.tasks.cancel({ taskId: id, reason: 'not needed' })).toMatchObject({
    status: 'cancelled',
    revision: 2,
  })
  expect((await worker.tasks.claim()).tasks).toEqual([])
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'cancelled', error: 'not needed' })
  const { events } = await lead.events.list({ types: ['task.cancelled'] })
  expect(events).toMatchObject([{ subject: id, data: { reason: 'not needed' } }])
})

test('a task that is cancelled during a question asks no longer', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  await worker.tasks.requestInput({ ...leaseOf(await claimOne(worker)), question: 'which?' })
  expect((await lead.tasks.get({ taskId })).inputRequest).toMatchObject({ question: 'which?' })
  await lead.tasks.cancel({ taskId })
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'cancelled', inputRequest: null, error: null })
})

test('after a cancel no completion succeeds, and the holder is notified', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  await lead.tasks.cancel({ taskId: id })
  for (const move of ['complete', 'progress', 'extend', 'release'] as const) {
    const refused = await refusal(worker.tasks[move](lease))
    expect(refused).toMatchObject({ code: 'STALE_LEASE', details: { status: 'cancelled' } })
  }
  const { lost, extended } = await worker.agents.heartbeat({ leases: [lease] })
  expect([lost, extended]).toEqual([[{ taskId: id, reason: 'cancelled' }], []])
  expect((await lead.tasks.get({ taskId: id })).status).toBe('cancelled')
})

test('one of a concurrent cancel and completion wins, and the other is refused', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  for (let round = 0; round < 10; round += 1) {
    const { id } = await lead.tasks.create({ type: 'code' })
    const lease = leaseOf(await claimOne(worker))
    const [cancelled, completed] = await Promise.allSettled([
      lead.tasks.cancel({ taskId: id }),
      worker.tasks.complete(lease),
    ])
    const { status } = await lead.tasks.get({ taskId: id })
    expect(status).toBe(cancelled.status === 'fulfilled' ? 'cancelled' : 'completed')
    expect(completed.status).toBe(cancelled.status === 'fulfilled' ? 'rejected' : 'fulfilled')
  }
})

test('a blocked task and a task before its notBefore can be cancelled', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code', notBefore: '2026-01-01T00:00:05.000Z' })
  const blocked = await lead.tasks.create({ type: 'code', dependsOn: [id] })
  for (const taskId of [id, blocked.id]) await lead.tasks.cancel({ taskId })
  await server.advance(5_000)
  expect((await lead.tasks.list({ status: 'cancelled' })).tasks).toHaveLength(2)
})

test('an ended task cannot be cancelled', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const done = await lead.tasks.create({ type: 'code' })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  const failed = await lead.tasks.create({ type: 'code' })
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'never', retryable: false })
  const cancelled = await lead.tasks.create({ type: 'code' })
  await lead.tasks.cancel({ taskId: cancelled.id })
  for (const [task, status] of [
    [done, 'completed'],
    [failed, 'failed'],
    [cancelled, 'cancelled'],
  ] as const) {
    const refused = await refusal(lead.tasks.cancel({ taskId: task.id }))
    expect(refused).toMatchObject({ code: 'ILLEGAL_TRANSITION', details: { status }, applied: 'no' })
  }
})

test('a cancel that is repeated with its key counts once', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code' })
  const first = await lead.tasks.cancel({ taskId: id, idempotencyKey: 'k' })
  expect(await lead.tasks.cancel({ taskId: id, idempotencyKey: 'k' })).toEqual(first)
  const other = lead.tasks.cancel({ taskId: id, reason: 'why', idempotencyKey: 'k' })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('a cancel needs a tech lead and an existing task', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  expect(await refusal(worker.tasks.cancel({ taskId: id }))).toMatchObject({ code: 'FORBIDDEN' })
  const absent = lead.tasks.cancel({ taskId: '01900000-0000-7000-8000-000000000000' })
  expect(await refusal(absent)).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(lead.tasks.cancel({ taskId: 'not an id' }))).toMatchObject({ code: 'INVALID_INPUT' })
})
