import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { refusal, type TestAgent, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const never = { error: 'never', retryable: false } as const
const nobody = '01900000-0000-7000-8000-000000000000'

async function failed(lead: Client, worker: TestAgent, spec: Partial<Parameters<Client['tasks']['create']>[0]> = {}) {
  const { id } = await lead.tasks.create({ type: 'code', priority: 'critical', ...spec })
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), ...never })
  return id
}

test('a retried task has all its attempts again, and its attempt number continues', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const taskId = await failed(lead, worker, { maxAttempts: 1, scheduleToStartMs: 60_000 })
  const waiting = claimOne(worker, { waitMs: 20_000, leaseMs: 5_000 })
  await worker.agents.heartbeat({})
  expect(await lead.tasks.retry({ taskId })).toMatchObject({ taskId, status: 'pending' })
  expect(await waiting).toMatchObject({ id: taskId, attempt: 2, failures: 0, completedAt: null, error: 'never' })
  await server.advance(5_000)
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'failed', failures: 1 })
  await lead.tasks.retry({ taskId })
  expect((await lead.tasks.get({ taskId })).timeoutAt).toBe('2026-01-01T00:01:05.000Z')
  const { events } = await lead.events.list({ types: ['task.reopened'] })
  expect(events).toMatchObject([{ subject: taskId, data: { attempt: 1 } }, { data: { attempt: 2 } }])
})

test('the token of the last expired lease is stale after a retry', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code', maxAttempts: 1 })
  const lease = leaseOf(await claimOne(worker, { leaseMs: 5_000 }))
  await server.advance(5_000)
  await lead.tasks.retry({ taskId })
  expect(await refusal(worker.tasks.complete(lease))).toMatchObject({ code: 'STALE_LEASE' })
  expect((await lead.tasks.get({ taskId })).status).toBe('pending')
})

test('a retried task with an open dependency is blocked', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: first } = await lead.tasks.create({ type: 'code' })
  const { id: taskId } = await lead.tasks.create({ type: 'code', dependsOn: [first], onDependencyFailure: 'fail' })
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), ...never })
  expect(await lead.tasks.retry({ taskId })).toMatchObject({ status: 'blocked' })
  await lead.tasks.retry({ taskId: first })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect((await claimOne(worker)).id).toBe(taskId)
})

test('a retry lifts a time limit of the task that has passed, and keeps one that has not', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: over } = await lead.tasks.create({ type: 'code', scheduleToCloseMs: 10_000 })
  await server.advance(10_000)
  const going = await failed(lead, worker, { scheduleToCloseMs: 10_000 })
  for (const taskId of [over, going]) await lead.tasks.retry({ taskId })
  await server.sweep()
  expect(await lead.tasks.get({ taskId: over })).toMatchObject({ status: 'pending', scheduleToCloseMs: null })
  expect(await lead.tasks.get({ taskId: going })).toMatchObject({ status: 'pending', scheduleToCloseMs: 10_000 })
  await server.advance(10_000)
  expect((await lead.tasks.get({ taskId: over })).status).toBe('pending')
  expect((await lead.tasks.get({ taskId: going })).status).toBe('failed')
})

test('a retry needs a tech lead and a failed task', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const taskId = await failed(lead, worker)
  expect(await refusal(worker.tasks.retry({ taskId }))).toMatchObject({ code: 'FORBIDDEN' })
  const manyOfWorker = worker.tasks.retryMany({ filter: { taskIds: [taskId] } })
  expect(await refusal(manyOfWorker)).toMatchObject({ code: 'FORBIDDEN' })
  const first = await lead.tasks.retry({ taskId, idempotencyKey: 'k' })
  expect(await lead.tasks.retry({ taskId, idempotencyKey: 'k' })).toEqual(first)
  expect(await refusal(lead.tasks.retry({ taskId }))).toMatchObject({
    code: 'ILLEGAL_TRANSITION',
    details: { status: 'pending' },
  })
  expect(await refusal(lead.tasks.retry({ taskId: nobody }))).toMatchObject({ code: 'NOT_FOUND' })
})

test('a filter retries a limited number of tasks at a time', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const ids: string[] = []
  for (const epic of ['one', 'one', 'two', 'one']) ids.push(await failed(lead, worker, { epic }))
  const [a, b, , c] = ids
  const { id: pending } = await lead.tasks.create({ type: 'code', epic: 'one' })
  const filter = { epic: 'one' }
  const first = await lead.tasks.retryMany({ filter, limit: 2, idempotencyKey: 'k' })
  expect(first).toEqual({ taskIds: [a, b], more: true })
  expect(await lead.tasks.retryMany({ filter, limit: 2, idempotencyKey: 'k' })).toEqual(first)
  expect(await lead.tasks.retryMany({ filter, limit: 2 })).toEqual({ taskIds: [c], more: false })
  expect(await lead.tasks.retryMany({ filter })).toEqual({ taskIds: [], more: false })
  expect((await lead.tasks.get({ taskId: pending })).revision).toBe(1)
  expect((await lead.tasks.list({ status: 'failed' })).tasks.map(({ id }) => id)).toEqual([ids[2]])
})
