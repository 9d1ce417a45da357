import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

type Rows = Parameters<ReturnType<TestServer['connect']>['plans']['add']>[0]['tasks']
type Row = Rows[number]

async function publish(server: TestServer, tasks: Rows) {
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({ planId, tasks })
  return lead.plans.commit({ planId })
}

const row = (externalId: string, more: Partial<Row> = {}): Row => ({ type: 'code', externalId, ...more })

const statusesOf = async (server: TestServer) =>
  Object.fromEntries((await server.connect().tasks.list({})).tasks.map((task) => [task.externalId, task.status]))

test('a task that was closed at its source is completed, and its dependents are free', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await publish(server, [row('a'), row('b', { dependsOn: ['a'] })])
  const newer = [row('a', { status: 'completed' }), row('b', { dependsOn: ['a'] })]
  expect(await publish(server, newer)).toMatchObject({ created: 0, updated: 1, unchanged: 1, kept: { total: 0 } })
  const a = await lead.tasks.get({ taskId: 'a' })
  expect(a).toMatchObject({ status: 'completed', claimedBy: null })
  expect(a.completedAt).not.toBeNull()
  expect((await claimOne(worker)).externalId).toBe('b')
  const { events } = await lead.events.list({ types: ['task.completed'] })
  expect(events).toMatchObject([{ subject: a.id, data: { attempt: 0, agentId: null, imported: true } }])
  expect(await publish(server, newer)).toMatchObject({ updated: 0, unchanged: 2, kept: { total: 0 } })
})

test('a task that was called off or failed at its source ends here in the same way', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const dependents = [
    row('block', { dependsOn: ['a'] }),
    row('end', { dependsOn: ['a'], onDependencyFailure: 'fail' }),
    row('rescue', { waitsFor: [{ taskId: 'f', kind: 'failure' }] }),
  ]
  await publish(server, [row('a'), row('f'), ...dependents])
  await publish(server, [row('a', { status: 'cancelled' }), row('f', { status: 'failed' }), ...dependents])
  expect(await statusesOf(server)).toEqual({
    ...{ a: 'cancelled', f: 'failed' },
    ...{ block: 'blocked', end: 'failed', rescue: 'pending' },
  })
  expect((await lead.tasks.get({ taskId: 'a' })).error).toBe('it was called off at its source')
  expect((await lead.tasks.get({ taskId: 'f' })).error).toBe('it failed at its source')
})

test('a task that was opened again at its source returns to the queue, and its dependents wait for it', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const rest = [row('b', { dependsOn: ['a'] }), row('c', { dependsOn: ['x'] })]
  await publish(server, [row('a', { status: 'completed' }), row('x', { status: 'cancelled' }), ...rest])
  expect(await statusesOf(server)).toEqual({ a: 'completed', x: 'cancelled', b: 'pending', c: 'blocked' })
  expect(await publish(server, [row('a'), row('x', { hold: 'later' }), ...rest])).toMatchObject({ updated: 2 })
  expect(await statusesOf(server)).toEqual({ a: 'pending', x: 'pending', b: 'blocked', c: 'blocked' })
  expect((await lead.tasks.get({ taskId: 'x' })).hold).toMatchObject({ reason: 'later' })
  const lease = leaseOf(await claimOne(worker))
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await worker.tasks.complete(lease)
  expect((await claimOne(worker)).externalId).toBe('b')
  expect((await lead.events.list({ types: ['task.reopened'] })).events).toHaveLength(2)
})

test('a task that an agent works on keeps its status and is named, until it is released', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await publish(server, [row('a'), row('b')])
  const lease = leaseOf(await claimOne(worker))
  const newer = [row('a', { status: 'completed', title: 'new' }), row('b')]
  const kept = { total: 1, tasks: [{ externalId: 'a', status: 'in_progress', planned: 'completed' }] }
  expect(await publish(server, newer)).toMatchObject({ updated: 1, kept })
  expect(await publish(server, newer)).toMatchObject({ updated: 0, unchanged: 2, kept })
  expect(await lead.tasks.get({ taskId: 'a' })).toMatchObject({ status: 'in_progress', title: 'new' })
  await worker.tasks.release(lease)
  expect(await publish(server, newer)).toMatchObject({ updated: 1, kept: { total: 0 } })
  expect((await lead.tasks.get({ taskId: 'a' })).status).toBe('completed')
})

test('a task that ended here and is open at its source stays ended and is named', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await publish(server, [row('a'), row('b')])
  await worker.tasks.complete({ ...leaseOf(await claimOne(worker)), result: 1 })
  await lead.tasks.cancel({ taskId: (await lead.tasks.get({ taskId: 'b' })).id })
  const kept = {
    total: 2,
    tasks: [
      { externalId: 'a', status: 'completed', planned: 'pending' },
      { externalId: 'b', status: 'cancelled', planned: 'pending' },
    ],
  }
  expect(await publish(server, [row('a'), row('b')])).toMatchObject({ unchanged: 2, kept })
  expect(await publish(server, [row('a', { priority: 'high' }), row('b')])).toMatchObject({ updated: 1, kept })
  expect(await statusesOf(server)).toEqual({ a: 'completed', b: 'cancelled' })
  // Its source has closed it, too, and opens it again.
  await publish(server, [row('a', { status: 'completed' }), row('b', { status: 'completed' })])
  expect(await statusesOf(server)).toEqual({ a: 'completed', b: 'cancelled' })
  await publish(server, [row('a'), row('b')])
  expect(await statusesOf(server)).toEqual({ a: 'pending', b: 'pending' })
})

test('a failure here gives way to an end at the source, and a retry here is not failed again', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const dependents = [row('c', { dependsOn: ['a'] }), row('d', { waitsFor: [{ taskId: 'a', kind: 'failure' }] })]
  await publish(server, [row('a', { priority: 'high' }), row('f', { status: 'failed' }), ...dependents])
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'no luck', retryable: false })
  expect(await statusesOf(server)).toEqual({ a: 'failed', f: 'failed', c: 'blocked', d: 'pending' })
  await lead.tasks.retry({ taskId: (await lead.tasks.get({ taskId: 'f' })).id })
  const newer = [row('a', { priority: 'high', status: 'completed' }), row('f', { status: 'failed' }), ...dependents]
  const kept = { total: 1, tasks: [{ externalId: 'f', status: 'pending', planned: 'failed' }] }
  expect(await publish(server, newer)).toMatchObject({ kept })
  expect(await statusesOf(server)).toEqual({ a: 'completed', f: 'pending', c: 'pending', d: 'blocked' })
})

test('a closed task and one that waits for it change in an order in which no worker gets a held task', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  await publish(server, [row('a'), row('b', { dependsOn: ['a'] }), row('c', { dependsOn: ['b'] })])
  await worker.tasks.release(leaseOf(await claimOne(worker)))
  await publish(server, [
    row('a', { status: 'completed' }),
    row('b', { dependsOn: ['a'], status: 'completed' }),
    row('c', { dependsOn: ['b'], hold: 'later' }),
  ])
  expect(await statusesOf(server)).toEqual({ a: 'completed', b: 'completed', c: 'pending' })
  expect((await worker.tasks.claim({ limit: 3 })).tasks).toEqual([])
  const { events } = await server.connect().events.list({ types: ['task.completed', 'task.unblocked'] })
  const order = await Promise.all(
    events.map(async ({ type, subject }) => {
      const { externalId } = await server.connect().tasks.get({ taskId: subject ?? '' })
      return `${type} ${externalId}`
    }),
  )
  expect(order).toEqual(['task.completed b', 'task.unblocked c', 'task.completed a'])
})

test('edges that are reversed while a task is closed close no cycle', async () => {
  await using server = await TestServer.start()
  await publish(server, [row('a', { dependsOn: ['b'] }), row('b')])
  const newer = [row('a', { status: 'completed' }), row('b', { dependsOn: ['a'] })]
  expect(await publish(server, newer)).toMatchObject({ updated: 2 })
  expect(await statusesOf(server)).toEqual({ a: 'completed', b: 'pending' })
})

test('a hundred kept tasks are named and the rest is counted', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const plan = Array.from({ length: 150 }, (_, index) => row(`t${index}`))
  await publish(server, plan)
  await lead.tasks.cancelMany({ filter: { status: 'pending' } })
  const { kept, unchanged } = await publish(server, plan)
  expect([unchanged, kept.total, kept.tasks.length]).toEqual([150, 150, 100])
})

test('a publication that was interrupted ends the tasks that the plan ends, without a call', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await publish(server, [row('a'), row('b', { dependsOn: ['a'] })])
  const { planId } = await lead.plans.begin({ name: 'plan' })
  const newer = [row('a', { status: 'completed', title: 'new' }), row('b', { dependsOn: ['a'] })]
  await lead.plans.add({ planId, tasks: newer })
  const { store } = server.parts
  const [project] = await store.read(({ db, t }) => db.select({ id: t.projects.id }).from(t.projects))
  await store.transact({ project: project?.id ?? '' }, ({ db, t, now }) =>
    db.update(t.plans).set({ status: 'committing', committedBy: null, steppedAt: now }).where(eq(t.plans.id, planId)),
  )
  await server.advance(40_000)
  expect(await statusesOf(server)).toEqual({ a: 'completed', b: 'pending' })
  expect(await lead.plans.commit({ planId })).toMatchObject({ updated: 1, unchanged: 1, kept: { total: 0 } })
})
