import { expect, test } from 'vitest'
import { onPostgres, refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const minute = 60_000

const at = (ms: number) => new Date(Date.parse('2026-01-01T00:00:00.000Z') + ms).toISOString()

async function given(spec: object = {}) {
  const server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId, timeoutAt } = await lead.tasks.create({ type: 'code', ...spec })
  const get = () => lead.tasks.get({ taskId })
  return { server, lead, worker, taskId, timeoutAt, get, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test('a task that is not claimed in time fails finally', async () => {
  await using of = await given({ scheduleToStartMs: minute })
  expect(of.timeoutAt).toBe(at(minute))
  await of.server.advance(minute - 1)
  expect((await of.get()).status).toBe('pending')
  await of.server.advance(1)
  const error = 'no agent claimed it within scheduleToStartMs'
  expect(await of.get()).toMatchObject({
    status: 'failed',
    error,
    failures: 0,
    timeoutAt: null,
    completedAt: at(minute),
  })
  expect((await of.worker.tasks.claim()).tasks).toEqual([])
  const { events } = await of.lead.events.list({ types: ['task.failed'] })
  expect(events).toMatchObject([{ actor: null, data: { attempt: 0, agentId: null, failures: 0, error } }])
})

test('the time limit for a claim starts when the task is ready: at its notBefore, when it is unblocked, and each time it returns', async () => {
  await using of = await given({ scheduleToStartMs: minute, notBefore: at(minute) })
  const { server, lead, worker, get } = of
  expect(of.timeoutAt).toBe(at(2 * minute))
  const after = await lead.tasks.create({ type: 'code', scheduleToStartMs: minute, dependsOn: [of.taskId] })
  expect(after).toMatchObject({ status: 'blocked', timeoutAt: null })
  await server.advance(minute)
  const lease = leaseOf(await claimOne(worker))
  await server.advance(10_000)
  await worker.tasks.release(lease)
  expect((await get()).timeoutAt).toBe(at(2 * minute + 10_000))
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect(await get()).toMatchObject({ status: 'completed', timeoutAt: null })
  const unblocked = await lead.tasks.get({ taskId: after.id })
  expect(unblocked).toMatchObject({ status: 'pending', timeoutAt: at(2 * minute + 10_000) })
})

test('the time limit of a task that is unblocked before its notBefore starts at its notBefore', async () => {
  await using of = await given()
  const { lead, worker } = of
  const spec = { type: 'code', scheduleToStartMs: minute, notBefore: at(minute), dependsOn: [of.taskId] }
  const { id: taskId } = await lead.tasks.create(spec)
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'pending', timeoutAt: at(2 * minute) })
})

test('an attempt past its time limit is a failure, and its holder is notified', async () => {
  await using of = await given({ startToCloseMs: minute, maxAttempts: 2 })
  const { server, lead, worker, taskId, get } = of
  const lease = leaseOf(await claimOne(worker, { leaseMs: 3_600_000 }))
  expect((await get()).timeoutAt).toBe(at(minute))
  await server.advance(minute)
  const error = 'the attempt took longer than startToCloseMs'
  expect(await get()).toMatchObject({ status: 'pending', failures: 1, error, attempt: 1 })
  expect((await worker.agents.heartbeat({ leases: [lease] })).lost).toEqual([{ taskId, reason: 'stale' }])
  expect(await refusal(worker.tasks.progress(lease))).toMatchObject({ code: 'STALE_LEASE' })
  const { events } = await lead.events.list({ types: ['task.timed_out'] })
  expect(events).toMatchObject([{ actor: null, data: { attempt: 1, agentId: worker.id, failures: 1, error } }])
  await server.advance(2_000)
  await claimOne(worker, { leaseMs: 3_600_000 })
  await server.advance(minute)
  expect(await get()).toMatchObject({ status: 'failed', failures: 2, error, timeoutAt: null })
  expect((await lead.events.list({ types: ['task.failed', 'task.timed_out'] })).events).toHaveLength(2)
})

test('a task after such a failure waits for its backoff', async () => {
  await using of = await given({ startToCloseMs: minute })
  const { server, worker, get } = of
  for (const failures of [1, 2]) {
    await claimOne(worker, { leaseMs: 3_600_000 })
    await server.advance(minute)
    const { notBefore } = await get()
    const waitMs = Date.parse(notBefore ?? '') - server.parts.now()
    expect(waitMs).toBeGreaterThanOrEqual(0)
    expect(waitMs).toBeLessThanOrEqual(1_000 * 2 ** (failures - 1))
    expect((await worker.tasks.claim()).tasks).toEqual([])
    await server.advance(waitMs)
  }
  expect((await claimOne(worker)).attempt).toBe(3)
})

test('a subscription has its slot back after an attempt past its time limit', async () => {
  await using of = await given({ startToCloseMs: minute, maxAttempts: 1 })
  const { server, lead, worker, taskId } = of
  const work = worker.tasks.work({ slots: 1, leaseMs: 3_600_000 })[Symbol.asyncIterator]()
  expect((await work.next()).value).toMatchObject({ id: taskId })
  await server.advance(minute)
  const { id: next } = await lead.tasks.create({ type: 'code' })
  expect((await work.next()).value).toMatchObject({ id: next })
  await work.return?.()
})

test('extending the lease does not extend the time limit of the attempt, which is 2 h by default', async () => {
  await using of = await given()
  const { server, worker, get } = of
  const lease = leaseOf(await claimOne(worker, { leaseMs: 43_200_000 }))
  await worker.tasks.extend(lease)
  await server.advance(7_199_999)
  expect((await get()).status).toBe('in_progress')
  await server.advance(1)
  expect(await get()).toMatchObject({ status: 'pending', failures: 1 })
})

test.each(['blocked', 'pending', 'in_progress', 'input_required'] as const)(
  'the time limit of the whole task ends it finally while it is %s',
  async (status) => {
    await using of = await given({ scheduleToCloseMs: minute, scheduleToStartMs: 2 * minute })
    const { server, lead, worker, taskId, get } = of
    const gate = await lead.tasks.create({ type: 'gate', requires: ['none has this'] })
    if (status === 'blocked') await lead.tasks.update({ taskId, expectedRevision: 1, dependsOn: [gate.id] })
    if (status === 'in_progress') await claimOne(worker, { leaseMs: 3_600_000 })
    if (status === 'input_required')
      await worker.tasks.requestInput({ ...leaseOf(await claimOne(worker)), question: '?', defaultAnswer: 1 })
    expect(await get()).toMatchObject({ status, timeoutAt: at(minute) })
    await server.advance(minute)
    const error = 'it was not completed within scheduleToCloseMs'
    expect(await get()).toMatchObject({ status: 'failed', failures: 0, error, timeoutAt: null })
    const { events } = await lead.events.list({ types: ['task.failed', 'task.timed_out'] })
    expect(events).toMatchObject([{ type: 'task.failed', data: { failures: 0, error } }])
  },
)

test('a retry after a failure does not reset the time limit of the whole task', async () => {
  await using of = await given({ scheduleToCloseMs: minute })
  const { server, worker, get } = of
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'again', nextRetryDelayMs: 2 * minute })
  expect((await get()).timeoutAt).toBe(at(minute))
  await server.advance(minute)
  expect((await get()).status).toBe('failed')
})

test('a task whose lease expired is claimable again within its time limit for a claim', async () => {
  await using of = await given({ scheduleToStartMs: minute })
  const { server, worker, get } = of
  await claimOne(worker, { leaseMs: 5_000 })
  await server.advance(5_000)
  expect(await get()).toMatchObject({ status: 'pending', failures: 1, timeoutAt: at(minute + 5_000) })
})

test('time limits that a plan changes count from then on', async () => {
  await using of = await given()
  const { server, lead, worker } = of
  const publish = async (limits: object) => {
    const { planId } = await lead.plans.begin({ name: 'plan' })
    await lead.plans.add({ planId, tasks: [{ externalId: 'x', type: 'plan', assignedTo: 'worker', ...limits }] })
    await lead.plans.commit({ planId })
    return (await lead.tasks.get({ taskId: 'x' })).timeoutAt
  }
  expect(await publish({})).toBe(null)
  server.clock.advance(10_000)
  expect(await publish({ scheduleToStartMs: minute })).toBe(at(minute))
  expect(await publish({ scheduleToStartMs: minute, scheduleToCloseMs: 30_000 })).toBe(at(30_000))
  await lead.tasks.cancel({ taskId: of.taskId })
  const lease = leaseOf(await claimOne(worker))
  expect(await publish({ scheduleToCloseMs: 90_000 })).toBe(at(90_000))
  expect(await publish({})).toBe(at(10_000 + 7_200_000))
  expect(await publish({ scheduleToCloseMs: 30_000 })).toBe(at(30_000))
  await worker.tasks.complete(lease)
  expect(await publish({ scheduleToCloseMs: 45_000 })).toBe(null)
})

test('more tasks than one batch reach their time limits at once', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  for (const _ of [1, 2]) {
    const tasks = Array.from({ length: 130 }, () => ({ type: 'code', scheduleToStartMs: minute }))
    await lead.tasks.createMany({ tasks })
  }
  await server.advance(minute)
  expect((await lead.tasks.tree({ epic: 'none' })).rollup?.total).toBe(0)
  const failed = async () => (await lead.tasks.list({ status: 'failed', limit: 500 })).tasks.length
  // On PostgreSQL a sweep skips rows that another transaction has locked, and the next sweep takes
  // them.
  if (onPostgres) await expect.poll(() => server.sweep().then(failed)).toBe(260)
  expect(await failed()).toBe(260)
})
