import { expect, test } from 'vitest'
import { refusal, type TestAgent, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, rows } from './given.ts'

type Spec = Parameters<TestAgent['tasks']['create']>[0]

/** Creates a task with an orphan result: ada's attempt is over, and its result arrived later. */
async function late(spec: Partial<Spec> = {}) {
  const server = await TestServer.start()
  const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
  const { id: taskId } = await lead.tasks.create({ type: 'code', ...spec })
  const lease = leaseOf(await claimOne(ada))
  await ada.tasks.release(lease)
  const refused = await refusal(ada.tasks.complete({ ...lease, result: { by: 'ada' } }))
  return { server, lead, ada, bob, taskId, lease, refused, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test('a result that comes too late is refused and kept', async () => {
  await using given = await late()
  const { lead, ada, taskId, refused } = given
  expect(refused).toMatchObject({
    code: 'STALE_LEASE',
    applied: 'no',
    details: { status: 'pending', attempt: 1, orphaned: true },
  })
  expect(await lead.tasks.get({ taskId })).toMatchObject({
    status: 'pending',
    result: null,
    orphanResults: [{ attempt: 1, agentId: ada.id, result: { by: 'ada' }, at: '2026-01-01T00:00:00.000Z' }],
  })
  const { events } = await lead.events.list({ types: ['task.orphaned'] })
  expect(events).toMatchObject([{ actor: ada.id, data: { attempt: 1, agentId: ada.id } }])
})

test('an orphan result is kept once for each attempt', async () => {
  await using given = await late()
  const { lead, ada, taskId, lease } = given
  const { revision } = await lead.tasks.get({ taskId })
  expect(await refusal(ada.tasks.complete({ ...lease, result: 'other' }))).toMatchObject({ code: 'STALE_LEASE' })
  expect(await lead.tasks.get({ taskId })).toMatchObject({ revision, orphanResults: [{ result: { by: 'ada' } }] })
  expect((await lead.events.list({ types: ['task.orphaned'] })).events).toHaveLength(1)
})

test('tasks.next keeps an orphan result, claims nothing, and its key can be used again', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(ada))
  await ada.tasks.release(lease)
  const next = () => ada.tasks.next({ completed: { ...lease, result: 7 }, idempotencyKey: 'k' })
  for (const _ of [1, 2])
    expect(await refusal(next())).toMatchObject({ code: 'STALE_LEASE', details: { orphaned: true } })
  expect(await lead.tasks.get({ taskId })).toMatchObject({
    status: 'pending',
    attempt: 1,
    orphanResults: [{ result: 7 }],
  })
})

test('an invented token, or that of another agent or task, keeps no result', async () => {
  await using server = await TestServer.start()
  const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const other = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(ada))
  await ada.tasks.release(lease)
  const stale = { code: 'STALE_LEASE', details: { orphaned: false } }
  expect(await refusal(bob.tasks.complete(lease))).toMatchObject(stale)
  expect(await refusal(ada.tasks.complete({ ...lease, taskId: other.id }))).toMatchObject(stale)
  expect(await refusal(ada.tasks.complete({ taskId, leaseToken: 'A'.repeat(28) }))).toMatchObject(stale)
  for (const id of [taskId, other.id]) expect((await lead.tasks.get({ taskId: id })).orphanResults).toEqual([])
})

test('ten orphan results are kept, and the oldest one is deleted', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  for (let attempt = 1; attempt <= 12; attempt += 1) {
    const lease = leaseOf(await claimOne(ada))
    await ada.tasks.release(lease)
    server.clock.advance(1)
    await refusal(ada.tasks.complete({ ...lease, result: attempt }))
  }
  const { orphanResults } = await lead.tasks.get({ taskId })
  expect(orphanResults.map(({ result }) => result)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  expect(rows(server, 'select orphans from tasks')).toEqual([{ orphans: 10 }])
})

test('a late result of a cancelled or completed task is kept too', async () => {
  await using server = await TestServer.start()
  const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(ada))
  await ada.tasks.release(lease)
  await bob.tasks.complete({ ...leaseOf(await claimOne(bob)), result: 'mine' })
  await refusal(ada.tasks.complete({ ...lease, result: 'late' }))
  const kept = { status: 'completed', result: 'mine', orphanResults: [{ attempt: 1, result: 'late' }] }
  expect(await lead.tasks.get({ taskId })).toMatchObject(kept)
  const other = await lead.tasks.create({ type: 'code' })
  const held = leaseOf(await claimOne(ada))
  await lead.tasks.cancel({ taskId: other.id })
  expect(await refusal(ada.tasks.complete(held))).toMatchObject({ details: { status: 'cancelled', orphaned: true } })
  const cancelled = { status: 'cancelled', orphanResults: [{ attempt: 1, result: null }] }
  expect(await lead.tasks.get({ taskId: other.id })).toMatchObject(cancelled)
})

test('a tech lead adopts a result: the task is completed by that attempt, and its dependents are unblocked', async () => {
  await using given = await late()
  const { lead, ada, bob, taskId } = given
  const after = await lead.tasks.create({ type: 'code', dependsOn: [taskId], assignedTo: 'ada' })
  const held = leaseOf(await claimOne(bob))
  expect(await lead.tasks.adopt({ taskId, attempt: 1 })).toMatchObject({ status: 'completed' })
  expect(await lead.tasks.get({ taskId })).toMatchObject({
    status: 'completed',
    claimedBy: ada.id,
    result: { by: 'ada' },
    completedAt: '2026-01-01T00:00:00.000Z',
    timeoutAt: null,
  })
  expect((await claimOne(ada)).id).toBe(after.id)
  const { lost } = await bob.agents.heartbeat({ leases: [held] })
  expect(lost).toEqual([{ taskId, reason: 'stale' }])
  expect(await refusal(bob.tasks.complete(held))).toMatchObject({
    code: 'STALE_LEASE',
    details: { status: 'completed' },
  })
  const { events } = await lead.events.list({ taskId, types: ['task.adopted', 'task.completed'] })
  const data = { attempt: 1, agentId: ada.id }
  expect(events).toMatchObject([
    { type: 'task.adopted', data },
    { type: 'task.completed', data },
  ])
})

test('the holder may adopt a result, and its slot is free at once; another developer may not', async () => {
  await using given = await late()
  const { server, lead, bob, taskId } = given
  const eve = await server.agent('eve')
  const work = bob.tasks.work({ slots: 1 })[Symbol.asyncIterator]()
  expect((await work.next()).value).toMatchObject({ id: taskId })
  expect(await refusal(eve.tasks.adopt({ taskId, attempt: 1 }))).toMatchObject({ code: 'FORBIDDEN', applied: 'no' })
  expect((await lead.tasks.get({ taskId })).status).toBe('in_progress')
  const { id: next } = await lead.tasks.create({ type: 'code' })
  expect(await bob.tasks.adopt({ taskId, attempt: 1, idempotencyKey: 'k' })).toMatchObject({ status: 'completed' })
  expect((await work.next()).value).toMatchObject({ id: next })
  expect(await bob.tasks.adopt({ taskId, attempt: 1, idempotencyKey: 'k' })).toMatchObject({ status: 'completed' })
  await work.return?.()
})

test('the last holder may not adopt a result after its release', async () => {
  await using given = await late()
  const { ada, taskId } = given
  expect(await refusal(ada.tasks.adopt({ taskId, attempt: 1 }))).toMatchObject({ code: 'FORBIDDEN' })
})

test('an adopted result that needs a verification is in review, and its attempt is reported when it is accepted', async () => {
  await using given = await late({ acceptance: 'verify' })
  const { lead, ada, bob, taskId } = given
  await claimOne(bob)
  expect(await lead.tasks.adopt({ taskId, attempt: 1 })).toMatchObject({ status: 'in_review' })
  await lead.tasks.verify({ taskId, accept: true })
  const { events } = await lead.events.list({ taskId, types: ['task.submitted', 'task.completed'] })
  const data = { attempt: 1, agentId: ada.id }
  expect(events).toMatchObject([
    { type: 'task.submitted', data },
    { type: 'task.completed', data },
  ])
})

test('a later attempt with the same result as an orphan result is reported as itself, with any verdict', async () => {
  for (const accept of [true, false]) {
    await using given = await late({ acceptance: 'verify' })
    const { lead, ada, taskId } = given
    await ada.tasks.complete({ ...leaseOf(await claimOne(ada)), result: { by: 'ada' } })
    await lead.tasks.verify({ taskId, accept })
    const { events } = await lead.events.list({ taskId, types: ['task.completed', 'task.rejected'] })
    expect(events).toMatchObject([{ data: { attempt: 2, agentId: ada.id } }])
  }
})

test('of two equal orphan results, the verdict names the adopted one', async () => {
  await using given = await late({ acceptance: 'verify' })
  const { lead, ada, taskId } = given
  const lease = leaseOf(await claimOne(ada))
  await ada.tasks.release(lease)
  expect(await refusal(ada.tasks.complete({ ...lease, result: { by: 'ada' } }))).toMatchObject({ code: 'STALE_LEASE' })
  await lead.tasks.adopt({ taskId, attempt: 1 })
  await lead.tasks.verify({ taskId, accept: true })
  const { events } = await lead.events.list({ taskId, types: ['task.completed'] })
  expect(events).toMatchObject([{ data: { attempt: 1, agentId: ada.id } }])
})

test('an absent result cannot be adopted', async () => {
  await using given = await late()
  const { lead, bob, taskId } = given
  await claimOne(bob)
  for (const agent of [lead, bob]) {
    expect(await refusal(agent.tasks.adopt({ taskId, attempt: 2 }))).toMatchObject({ code: 'NOT_FOUND' })
    const absent = agent.tasks.adopt({ taskId: '01900000-0000-7000-8000-000000000000', attempt: 1 })
    expect(await refusal(absent)).toMatchObject({ code: 'NOT_FOUND' })
  }
})
