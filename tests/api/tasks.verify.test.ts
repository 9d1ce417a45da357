import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const verify = { type: 'code', acceptance: 'verify' } as const

test('a completed task that needs a verification is in review and unblocks nothing', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ ...verify, scheduleToCloseMs: 60_000 })
  const after = await lead.tasks.create({ type: 'code', dependsOn: [taskId] })
  const lease = leaseOf(await claimOne(worker))
  expect(await worker.tasks.complete({ ...lease, result: 1 })).toMatchObject({ status: 'in_review' })
  expect(await lead.tasks.get({ taskId })).toMatchObject({
    status: 'in_review',
    result: 1,
    claimedBy: worker.id,
    timeoutAt: null,
    completedAt: null,
  })
  await server.advance(120_000)
  expect((await lead.tasks.get({ taskId })).status).toBe('in_review')
  expect((await lead.tasks.get({ taskId: after.id })).status).toBe('blocked')
  const { events } = await lead.events.list({ types: ['task.submitted', 'task.completed'] })
  expect(events).toMatchObject([{ type: 'task.submitted', actor: worker.id, data: { attempt: 1, agentId: worker.id } }])
})

test('a repeated completion of a task in review changes nothing, and another result is kept apart', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create(verify)
  const lease = leaseOf(await claimOne(worker))
  const first = await worker.tasks.complete({ ...lease, result: 1 })
  expect(await worker.tasks.complete({ ...lease, result: 2 })).toEqual(first)
  expect(await lead.tasks.get({ taskId })).toMatchObject({ result: 1, orphanResults: [{ attempt: 1, result: 2 }] })
})

test('an accepted task is completed by its worker, and its dependents are unblocked', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const tester = await server.agent('tester', { role: 'tester' })
  const { id: taskId } = await lead.tasks.create(verify)
  const after = await lead.tasks.create({ type: 'after', dependsOn: [taskId] })
  const waiting = worker.tasks.next({ completed: leaseOf(await claimOne(worker)), waitMs: 20_000 })
  await worker.agents.heartbeat({})
  server.clock.advance(1_000)
  expect(await tester.tasks.verify({ taskId, accept: true, note: 'good' })).toMatchObject({ status: 'completed' })
  expect((await waiting).tasks[0]?.id).toBe(after.id)
  const at = '2026-01-01T00:00:01.000Z'
  expect(await lead.tasks.get({ taskId })).toMatchObject({
    status: 'completed',
    claimedBy: worker.id,
    completedAt: at,
    review: { accept: true, note: 'good', by: tester.id, at },
  })
  const { events } = await lead.events.list({ types: ['task.completed'] })
  expect(events).toMatchObject([{ actor: tester.id, data: { attempt: 1, agentId: worker.id } }])
})

test('a rejected task returns to the queue with the note, costs no failure, and its old token is stale', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const tester = await server.agent('tester', { role: 'tester' })
  const { id: taskId } = await lead.tasks.create({ ...verify, scheduleToStartMs: 60_000 })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.complete({ ...lease, result: 1 })
  const waiting = claimOne(worker, { waitMs: 20_000 })
  await worker.agents.heartbeat({})
  expect(await tester.tasks.verify({ taskId, accept: false, note: 'no tests' })).toMatchObject({ status: 'pending' })
  const again = await waiting
  expect(again).toMatchObject({ attempt: 2, failures: 0, review: { accept: false, note: 'no tests', by: tester.id } })
  await worker.tasks.release(leaseOf(again))
  expect((await lead.tasks.get({ taskId })).timeoutAt).toBe('2026-01-01T00:01:00.000Z')
  expect(await refusal(worker.tasks.complete(lease))).toMatchObject({ code: 'STALE_LEASE' })
  const { events } = await lead.events.list({ types: ['task.rejected'] })
  expect(events).toMatchObject([{ actor: tester.id, data: { attempt: 1, agentId: worker.id, note: 'no tests' } }])
})

test('an agent may not verify its own work, and a developer may verify none', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const tester = await server.agent('tester', { role: 'tester' })
  const developer = await server.agent('developer')
  const { id: taskId } = await lead.tasks.create(verify)
  await tester.tasks.complete(leaseOf(await claimOne(tester)))
  for (const accept of [true, false]) {
    expect(await refusal(tester.tasks.verify({ taskId, accept }))).toMatchObject({ code: 'FORBIDDEN', applied: 'no' })
    expect(await refusal(developer.tasks.verify({ taskId, accept }))).toMatchObject({ code: 'FORBIDDEN' })
  }
  expect((await lead.tasks.get({ taskId })).status).toBe('in_review')
  expect(await lead.tasks.verify({ taskId, accept: true })).toMatchObject({ status: 'completed' })
})

test('the same key returns the same verdict, and an unknown task has none', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create(verify)
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  const first = await lead.tasks.verify({ taskId, accept: true, idempotencyKey: 'k' })
  expect(await lead.tasks.verify({ taskId, accept: true, idempotencyKey: 'k' })).toEqual(first)
  expect(await refusal(lead.tasks.verify({ taskId, accept: false }))).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
  const absent = lead.tasks.verify({ taskId: '01900000-0000-7000-8000-000000000000', accept: true })
  expect(await refusal(absent)).toMatchObject({ code: 'NOT_FOUND' })
})
