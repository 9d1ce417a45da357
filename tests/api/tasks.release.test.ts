import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

async function held(server: TestServer, spec: { maxAttempts?: number } = {}) {
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code', ...spec })
  const task = await claimOne(worker, { leaseMs: 5_000 })
  return { lead, worker, id, task, lease: leaseOf(task) }
}

test('a released task is claimable at once and has cost no failure', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id, lease } = await held(server)
  expect(await worker.tasks.release(lease)).toEqual({ taskId: id, status: 'pending' })
  expect(await claimOne(worker)).toMatchObject({ id, attempt: 2, failures: 0 })
  const { events } = await lead.events.list({ types: ['task.released'] })
  expect(events).toMatchObject([{ subject: id, actor: worker.id, data: { attempt: 1, reason: 'released' } }])
})

test('a released task keeps its queue position', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id, lease } = await held(server)
  await lead.tasks.create({ type: 'later' })
  await worker.tasks.release(lease)
  expect((await claimOne(worker)).id).toBe(id)
})

test('a release that is repeated with its key has no further effect, and without the key the lease is stale', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server)
  const input = { ...lease, idempotencyKey: 'k' }
  const first = await worker.tasks.release(input)
  expect(await worker.tasks.release(input)).toEqual(first)
  expect(await refusal(worker.tasks.release(lease))).toMatchObject({ code: 'STALE_LEASE' })
  const other = worker.tasks.release({ ...input, leaseToken: 'another' })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('a task without a lease has no holder and is in the list of no holder', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id, lease } = await held(server)
  await worker.tasks.release(lease)
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ claimedBy: null, leaseExpiresAt: null })
  expect((await lead.tasks.list({ claimedBy: worker.id })).tasks).toEqual([])
  await claimOne(worker, { leaseMs: 5_000 })
  await server.advance(5_000)
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ claimedBy: null, leaseExpiresAt: null })
  expect((await lead.tasks.list({ claimedBy: worker.id })).tasks).toEqual([])
})

test('an expired lease costs a failure, and the task is claimable at once', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id } = await held(server)
  await server.advance(4_999)
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await server.advance(1)
  expect(await claimOne(worker)).toMatchObject({ id, attempt: 2, failures: 1, error: 'the lease expired' })
  const { events } = await lead.events.list({ types: ['task.expired'] })
  expect(events).toMatchObject([{ subject: id, actor: null, data: { attempt: 1, agentId: worker.id, failures: 1 } }])
})

test('the expiry of the last attempt fails the task', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id } = await held(server, { maxAttempts: 2 })
  await server.advance(5_000)
  await claimOne(worker, { leaseMs: 5_000 })
  await server.advance(5_000)
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({
    status: 'failed',
    failures: 2,
    error: 'the lease expired',
  })
  expect((await lead.events.list({ types: ['task.failed'] })).events).toMatchObject([{ subject: id, actor: null }])
  expect((await worker.tasks.claim()).tasks).toEqual([])
})

test('attempt counts claims, and failures count failed and expired attempts', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id, lease } = await held(server)
  await worker.tasks.release(lease)
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'no luck', nextRetryDelayMs: 0 })
  await server.advance(1)
  await claimOne(worker, { leaseMs: 5_000 })
  await server.advance(5_000)
  const last = await claimOne(worker)
  expect(last).toMatchObject({ attempt: 4, failures: 2 })
  await worker.tasks.complete(leaseOf(last))
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'completed', attempt: 4, failures: 2 })
})

test('all of many leases that expire together return to the queue', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const tasks = Array.from({ length: 128 }, () => ({ type: 'code' }))
  await lead.tasks.createMany({ tasks })
  for (let round = 0; round < 4; round += 1) await worker.tasks.claim({ limit: 32, leaseMs: 5_000 })
  await server.advance(5_000)
  expect((await lead.tasks.list({ status: 'pending', limit: 500 })).tasks).toHaveLength(128)
})
