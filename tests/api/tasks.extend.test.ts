import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

async function held(server: TestServer, leaseMs = 30_000) {
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const task = await claimOne(worker, { leaseMs })
  return { lead, worker, task, lease: leaseOf(task) }
}

test('an extended lease lasts as long again as its claim', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server, 10_000)
  await server.advance(9_000)
  expect(await worker.tasks.extend(lease)).toMatchObject({ leaseExpiresAt: '2026-01-01T00:00:19.000Z' })
  await server.advance(9_999)
  expect(await worker.tasks.complete(lease)).toMatchObject({ status: 'completed' })
})

test('an extension may name another length', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server)
  const { leaseExpiresAt } = await worker.tasks.extend({ ...lease, leaseMs: 120_000 })
  expect(leaseExpiresAt).toBe('2026-01-01T00:02:00.000Z')
  const short = worker.tasks.extend({ ...lease, leaseMs: 4_999 })
  expect(await refusal(short)).toMatchObject({ code: 'INVALID_INPUT' })
})

test('an extension changes neither the revision nor the feed', async () => {
  await using server = await TestServer.start()
  const { lead, worker, task, lease } = await held(server)
  const before = await lead.events.list({})
  await worker.tasks.extend(lease)
  expect((await lead.tasks.get({ taskId: task.id })).revision).toBe(task.revision)
  expect(await lead.events.list({})).toEqual(before)
})

test('an expired lease can neither be extended nor report progress, even before another claim of the task', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server, 5_000)
  server.clock.advance(5_000)
  expect(await refusal(worker.tasks.extend(lease))).toMatchObject({ code: 'STALE_LEASE' })
  expect(await refusal(worker.tasks.progress(lease))).toMatchObject({ code: 'STALE_LEASE' })
})

test('progress is stored and visible to watchers, and does not extend the lease', async () => {
  await using server = await TestServer.start()
  const { lead, worker, task, lease } = await held(server)
  const { revision } = await worker.tasks.progress({
    ...lease,
    percent: 40,
    message: 'half',
    details: { at: 'step 2' },
  })
  expect(await lead.tasks.get({ taskId: task.id })).toMatchObject({
    revision,
    progress: { percent: 40, message: 'half', details: { at: 'step 2' } },
    leaseExpiresAt: task.leaseExpiresAt,
  })
  const { events } = await lead.events.list({ types: ['task.progressed'] })
  expect(events).toMatchObject([
    { subject: task.id, actor: worker.id, data: { attempt: 1, percent: 40, message: 'half' } },
  ])
})

test('the next attempt gets the details of the previous one', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server)
  await worker.tasks.progress({ ...lease, details: { page: 7 } })
  await worker.tasks.fail({ ...lease, error: 'no luck', nextRetryDelayMs: 0 })
  await server.advance(250)
  expect(await claimOne(worker)).toMatchObject({ attempt: 2, progress: { details: { page: 7 } } })
})

test('progress outside 0 to 100 is INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const { worker, lease } = await held(server)
  expect(await refusal(worker.tasks.progress({ ...lease, percent: 101 }))).toMatchObject({ code: 'INVALID_INPUT' })
})

const moves = ['extend', 'progress', 'complete', 'release'] as const

test.each(moves)(
  '%s with another token, by another agent, or of an unknown task is refused and changes nothing',
  async (move) => {
    await using server = await TestServer.start()
    const { lead, worker, task, lease } = await held(server)
    const other = await server.agent('other')
    const before = await lead.tasks.get({ taskId: task.id })
    const wrong = await refusal(worker.tasks[move]({ ...lease, leaseToken: 'not-the-token' }))
    expect(wrong).toMatchObject({ code: 'STALE_LEASE', applied: 'no', details: { status: 'in_progress', attempt: 1 } })
    expect(await refusal(other.tasks[move](lease))).toMatchObject({ code: 'STALE_LEASE' })
    const absent = worker.tasks[move]({ ...lease, taskId: '01900000-0000-7000-8000-000000000000' })
    expect(await refusal(absent)).toMatchObject({ code: 'NOT_FOUND' })
    expect(await lead.tasks.get({ taskId: task.id })).toEqual(before)
  },
)

test.each(moves)('%s needs a developer that is an agent', async (move) => {
  await using server = await TestServer.start()
  const { lead, lease } = await held(server)
  const observer = await server.agent('watcher', { role: 'observer' })
  expect(await refusal(lead.tasks[move](lease))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(observer.tasks[move](lease))).toMatchObject({ code: 'FORBIDDEN' })
})
