import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

async function held(server: TestServer, maxAttempts = 3) {
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code', maxAttempts })
  return { lead, worker, id, lease: leaseOf(await claimOne(worker)) }
}

test('a failed attempt is tried again after the backoff', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id, lease } = await held(server)
  const reply = await worker.tasks.fail({ ...lease, error: 'no luck' })
  expect(reply).toEqual({ taskId: id, status: 'pending', retryAt: '2026-01-01T00:00:00.500Z' })
  await server.advance(499)
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await server.advance(1)
  expect(await claimOne(worker)).toMatchObject({ id, attempt: 2, failures: 1, error: 'no luck', notBefore: null })
  const { events } = await lead.events.list({ types: ['task.retried'] })
  expect(events).toMatchObject([{ subject: id, actor: worker.id, data: { attempt: 1, failures: 1, error: 'no luck' } }])
})

test('the backoff doubles up to 100 seconds, with full jitter', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  server.clock.chance = 0.999_999
  const { worker, lease } = await held(server, 100)
  const waits: number[] = []
  for (let current = lease; waits.length < 9; current = leaseOf(await claimOne(worker))) {
    const { retryAt } = await worker.tasks.fail({ ...current, error: 'no luck' })
    const wait = Date.parse(retryAt ?? '') - server.clock.wall()
    waits.push(wait)
    await server.advance(wait)
  }
  expect(waits).toEqual([999, 1_999, 3_999, 7_999, 15_999, 31_999, 63_999, 99_999, 99_999])
})

test('a jitter of zero is a retry at once', async () => {
  await using server = await TestServer.start()
  server.clock.chance = 0
  const { worker, id, lease } = await held(server)
  await worker.tasks.fail({ ...lease, error: 'no luck' })
  await server.advance(0)
  expect((await claimOne(worker)).id).toBe(id)
})

test('a worker may set the delay of the retry', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server)
  const { retryAt } = await worker.tasks.fail({ ...lease, error: 'rate limited', nextRetryDelayMs: 20_000 })
  expect(retryAt).toBe('2026-01-01T00:00:20.000Z')
})

test('a failure that is not retryable is final', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id, lease } = await held(server)
  const reply = await worker.tasks.fail({ ...lease, error: 'never', retryable: false })
  expect(reply).toMatchObject({ status: 'failed', retryAt: null })
  const task = await lead.tasks.get({ taskId: id })
  expect(task).toMatchObject({ status: 'failed', error: 'never', failures: 1, completedAt: '2026-01-01T00:00:00.000Z' })
  expect((await lead.events.list({ types: ['task.failed'] })).events).toMatchObject([{ subject: id }])
})

test('the failure of the last attempt fails the task', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server, 2)
  await worker.tasks.fail({ ...lease, error: 'first', nextRetryDelayMs: 0 })
  await server.advance(1)
  const last = leaseOf(await claimOne(worker))
  expect(await worker.tasks.fail({ ...last, error: 'second' })).toMatchObject({ status: 'failed', retryAt: null })
  await server.advance(30_000)
  expect((await worker.tasks.claim()).tasks).toEqual([])
})

test('the event of a final failure has no field of a retry', async () => {
  await using server = await TestServer.start()
  const { lead, worker, lease } = await held(server, 1)
  await worker.tasks.fail({ ...lease, error: 'no luck' })
  const { events } = await lead.events.list({ types: ['task.failed'] })
  expect(events.map(({ data }) => data)).toEqual([{ attempt: 1, agentId: worker.id, failures: 1, error: 'no luck' }])
})

test('a failed attempt cannot be completed or failed again with its token', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server)
  await worker.tasks.fail({ ...lease, error: 'no luck' })
  expect(await refusal(worker.tasks.complete(lease))).toMatchObject({ code: 'STALE_LEASE' })
  expect(await refusal(worker.tasks.fail({ ...lease, error: 'twice' }))).toMatchObject({ code: 'STALE_LEASE' })
})

test('a failure that is repeated with its key counts once', async () => {
  await using server = await TestServer.start()
  const { lead, worker, id, lease } = await held(server)
  const input = { ...lease, error: 'no luck', idempotencyKey: 'k' }
  const first = await worker.tasks.fail(input)
  expect(await worker.tasks.fail(input)).toEqual(first)
  expect((await lead.tasks.get({ taskId: id })).failures).toBe(1)
  const other = worker.tasks.fail({ ...input, error: 'another' })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('fail needs the current lease, an existing task and the role', async () => {
  await using server = await TestServer.start()
  const { lead, worker, lease } = await held(server)
  const observer = await server.agent('watcher', { role: 'observer' })
  const error = 'no luck'
  expect(await refusal(worker.tasks.fail({ ...lease, leaseToken: 'x', error }))).toMatchObject({ code: 'STALE_LEASE' })
  const absent = worker.tasks.fail({ ...lease, taskId: '01900000-0000-7000-8000-000000000000', error })
  expect(await refusal(absent)).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(lead.tasks.fail({ ...lease, error }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(observer.tasks.fail({ ...lease, error }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(worker.tasks.fail({ ...lease, error: '' }))).toMatchObject({ code: 'INVALID_INPUT' })
})
