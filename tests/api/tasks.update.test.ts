import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const nobody = '01900000-0000-7000-8000-000000000000'

async function given(spec: object = {}) {
  const server = await TestServer.start()
  const lead = server.connect()
  const task = await lead.tasks.create({ type: 'code', title: 't', description: 'd', metadata: { a: 1 }, ...spec })
  const update = (change: object, expectedRevision = task.revision) =>
    lead.tasks.update({ taskId: task.id, expectedRevision, ...change })
  const get = () => lead.tasks.get({ taskId: task.id })
  return { server, lead, task, update, get, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test('an update changes the given fields and no others', async () => {
  await using of = await given()
  const { lead, task, update, get } = of
  expect(await update({ title: 'new' })).toEqual({ taskId: task.id, status: 'pending', revision: 2 })
  expect(await get()).toEqual({ ...task, title: 'new', revision: 2 })
  await update({ title: null, description: null, metadata: { b: [1] }, priority: 'urgent' }, 2)
  const changed = { title: null, description: null, metadata: { b: [1] }, priority: 'critical', revision: 3 }
  expect(await get()).toEqual({ ...task, ...changed })
  const { events } = await lead.events.list({ types: ['task.updated'] })
  expect(events).toMatchObject([{ data: { status: 'pending', title: 'new' } }, { data: { title: null } }])
})

test('another revision is a conflict with the current one, and changes nothing', async () => {
  await using of = await given()
  const { update, get } = of
  await update({ title: 'first' })
  const refused = await refusal(update({ title: 'second' }))
  expect(refused).toMatchObject({ code: 'REVISION_CONFLICT', applied: 'no', details: { revision: 2 } })
  expect((await get()).title).toBe('first')
  expect(await update({ title: 'second' }, 2)).toMatchObject({ revision: 3 })
})

test('one of two changes to the same revision wins', async () => {
  await using of = await given()
  const outcomes = await Promise.allSettled([of.update({ title: 'a' }), of.update({ title: 'b' })])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect((await of.get()).revision).toBe(2)
})

test('a higher priority is claimed first', async () => {
  await using of = await given()
  const worker = await of.server.agent('worker')
  const other = await of.lead.tasks.create({ type: 'code', priority: 'high' })
  await of.update({ priority: 'critical' })
  const { tasks } = await worker.tasks.claim({ limit: 2 })
  expect(tasks.map(({ id }) => id)).toEqual([of.task.id, other.id])
})

test('only the new assignee may claim the task, and it is woken', async () => {
  await using of = await given({ requires: ['ts'] })
  const { server, update, task } = of
  const capable = { capabilities: ['ts'] }
  const [ada, bob] = [await server.agent('ada', capable), await server.agent('bob', capable)]
  await update({ assignedTo: 'ada' })
  expect((await of.get()).assignedTo).toBe(ada.id)
  const waiting = claimOne(bob, { waitMs: 20_000 })
  await bob.agents.heartbeat({})
  await update({ assignedTo: bob.id }, 2)
  const lease = leaseOf(await waiting)
  expect(lease.taskId).toBe(task.id)
  await bob.tasks.release(lease)
  expect((await ada.tasks.claim()).tasks).toEqual([])
  await update({ assignedTo: null }, 5)
  expect((await claimOne(ada)).id).toBe(task.id)
})

test('an unknown assignee is NOT_FOUND', async () => {
  await using of = await given()
  expect(await refusal(of.update({ assignedTo: 'nobody' }))).toMatchObject({ code: 'NOT_FOUND' })
  expect((await of.get()).revision).toBe(1)
})

test('a task under a lease is changed, and its lease is not', async () => {
  await using of = await given()
  const worker = await of.server.agent('worker')
  await of.server.agent('other')
  const lease = leaseOf(await claimOne(worker))
  const { revision } = await of.get()
  expect(await of.update({ title: 'x', priority: 'low', assignedTo: 'other' }, revision)).toMatchObject({
    status: 'in_progress',
  })
  expect(await worker.tasks.complete(lease)).toMatchObject({ status: 'completed' })
})

test('an open dependency blocks a pending task, and its removal wakes the waiters', async () => {
  await using of = await given()
  const { server, lead, task, update } = of
  const worker = await server.agent('worker')
  const gate = await lead.tasks.create({ type: 'gate', requires: ['none has this'] })
  expect(await update({ dependsOn: [gate.id, gate.id] })).toMatchObject({ status: 'blocked' })
  expect((await of.get()).dependsOn).toEqual([gate.id])
  expect((await worker.tasks.claim()).tasks).toEqual([])
  const waiting = claimOne(worker, { waitMs: 20_000 })
  await worker.agents.heartbeat({})
  expect(await update({ dependsOn: [] }, 2)).toMatchObject({ status: 'pending' })
  expect((await waiting).id).toBe(task.id)
})

test('a completed dependency does not block, and each is counted once', async () => {
  await using of = await given()
  const { server, lead, update, get } = of
  const worker = await server.agent('worker')
  const [done, open] = [await lead.tasks.create({ type: 'done' }), await lead.tasks.create({ type: 'open' })]
  await lead.tasks.update({ taskId: of.task.id, expectedRevision: 1, assignedTo: (await server.agent('ada')).id })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect(await update({ dependsOn: [done.id] }, 2)).toMatchObject({ status: 'pending' })
  expect(await update({ dependsOn: [done.id, open.id] }, 3)).toMatchObject({ status: 'blocked' })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect((await get()).status).toBe('pending')
})

test('a task before its notBefore stays unclaimable when a change unblocks it', async () => {
  await using of = await given({ notBefore: '2026-01-01T00:00:05.000Z' })
  const { server, lead, update } = of
  const worker = await server.agent('worker')
  const gate = await lead.tasks.create({ type: 'gate', requires: ['none has this'] })
  await update({ dependsOn: [gate.id] })
  await update({ dependsOn: [] }, 2)
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await server.advance(5_000)
  expect((await claimOne(worker)).id).toBe(of.task.id)
})

test('edges in a cycle are DEPENDENCY_CYCLE and change nothing', async () => {
  await using of = await given()
  const { lead, task, update, get } = of
  const second = await lead.tasks.create({ type: 'code', dependsOn: [task.id] })
  const third = await lead.tasks.create({ type: 'code', dependsOn: [second.id] })
  for (const dependsOn of [[task.id], [second.id], [third.id]]) {
    expect(await refusal(update({ dependsOn }))).toMatchObject({ code: 'DEPENDENCY_CYCLE', applied: 'no' })
  }
  expect(await get()).toEqual(task)
})

test('an unknown dependency is INVALID_INPUT', async () => {
  await using of = await given()
  expect(await refusal(of.update({ dependsOn: [nobody] }))).toMatchObject({ code: 'INVALID_INPUT' })
})

test('dependencies change only before the first claim, and nothing changes after the end', async () => {
  await using of = await given()
  const { server, lead, update } = of
  const worker = await server.agent('worker')
  const lease = leaseOf(await claimOne(worker))
  const held = await refusal(update({ dependsOn: [] }, 2))
  expect(held).toMatchObject({ code: 'ILLEGAL_TRANSITION', details: { status: 'in_progress' } })
  await worker.tasks.complete(lease)
  const { revision } = await of.get()
  const ended = await refusal(update({ title: 'x' }, revision))
  expect(ended).toMatchObject({ code: 'ILLEGAL_TRANSITION', details: { status: 'completed' } })
  expect((await of.get()).revision).toBe(revision)
  const absent = lead.tasks.update({ taskId: nobody, expectedRevision: 1, title: 'x' })
  expect(await refusal(absent)).toMatchObject({ code: 'NOT_FOUND' })
})

test('an update needs a tech lead, and one that is repeated with its key counts once', async () => {
  await using of = await given()
  const worker = await of.server.agent('worker')
  const change = { taskId: of.task.id, expectedRevision: 1, title: 'x' }
  expect(await refusal(worker.tasks.update(change))).toMatchObject({ code: 'FORBIDDEN' })
  const first = await of.update({ title: 'x', idempotencyKey: 'k' })
  expect(await of.update({ title: 'x', idempotencyKey: 'k' })).toEqual(first)
})
