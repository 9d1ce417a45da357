import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, rows } from './given.ts'

const none = { total: 0, tasks: [] }
const nobody = '01900000-0000-7000-8000-000000000000'
type Rows = Parameters<ReturnType<TestServer['connect']>['plans']['add']>[0]['tasks']

async function publish(server: TestServer, tasks: Rows) {
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({ planId, tasks })
  return lead.plans.commit({ planId })
}

test('no task of a plan is ready before its commit, and all are after it', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { planId } = await lead.plans.begin({ name: 'plan' })
  expect(await lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'a' }] })).toEqual({ planId, staged: 1 })
  expect(await lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'b' }] })).toEqual({ planId, staged: 2 })
  expect((await worker.tasks.claim()).tasks).toEqual([])
  expect(await lead.plans.commit({ planId })).toEqual({ planId, created: 2, updated: 0, unchanged: 0, kept: none })
  expect((await worker.tasks.claim({ limit: 2 })).tasks.map(({ externalId }) => externalId)).toEqual(['a', 'b'])
  const { events } = await lead.events.list({ types: ['plan.committed'] })
  expect(events).toMatchObject([{ subject: planId, data: { name: 'plan', created: 2, updated: 0, unchanged: 0 } }])
})

test('a row that is staged again is replaced', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({ planId, tasks: [{ type: 'old', externalId: 'a' }] })
  expect(await lead.plans.add({ planId, tasks: [{ type: 'new', externalId: 'a' }] })).toMatchObject({ staged: 1 })
  await lead.plans.commit({ planId })
  expect(await lead.tasks.get({ taskId: 'a' })).toMatchObject({ type: 'new' })
})

test('rows name each other by external id, in any order', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await publish(server, [
    { type: 'code', externalId: 'child', parentId: 'epic', dependsOn: ['first'] },
    { type: 'epic', externalId: 'epic', dependsOn: ['child'] },
    { type: 'code', externalId: 'first', priority: 'urgent', estimate: 5 },
  ])
  const [epic, child, first] = [
    await lead.tasks.get({ taskId: 'epic' }),
    await lead.tasks.get({ taskId: 'child' }),
    await lead.tasks.get({ taskId: 'first' }),
  ]
  expect(child).toMatchObject({ status: 'blocked', parentId: epic.id, dependsOn: [first.id] })
  expect(epic).toMatchObject({ status: 'blocked', dependsOn: [child.id] })
  expect(first).toMatchObject({ status: 'pending', priority: 'critical', metadata: { estimate: 5 } })
})

test('rows may name tasks of an earlier plan', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await publish(server, [{ type: 'code', externalId: 'old' }])
  await publish(server, [{ type: 'code', externalId: 'new', parentId: 'old', dependsOn: ['old'] }])
  const old = await lead.tasks.get({ taskId: 'old' })
  expect(await lead.tasks.get({ taskId: 'new' })).toMatchObject({
    parentId: old.id,
    dependsOn: [old.id],
    status: 'blocked',
  })
})

test('tasks that had ended in their source are ended after the import', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await publish(server, [
    { type: 'code', externalId: 'done', status: 'completed' },
    { type: 'code', externalId: 'failed', status: 'failed' },
    { type: 'code', externalId: 'dropped', status: 'cancelled' },
    { type: 'code', externalId: 'free', dependsOn: ['done'] },
    { type: 'code', externalId: 'stuck', dependsOn: ['failed', 'dropped'] },
  ])
  const { tasks } = await lead.tasks.list({})
  const statusOf = Object.fromEntries(tasks.map(({ externalId, status }) => [externalId, status]))
  expect(statusOf).toEqual({
    done: 'completed',
    failed: 'failed',
    dropped: 'cancelled',
    free: 'pending',
    stuck: 'blocked',
  })
  expect((await worker.tasks.claim({ limit: 5 })).tasks.map(({ externalId }) => externalId)).toEqual(['free'])
})

test.each([
  ['a dependency', { dependsOn: ['ghost'] }],
  ['a parent', { parentId: 'ghost' }],
])('%s that is neither in the plan nor in the project is INVALID_INPUT and publishes nothing', async (_, extra) => {
  await using server = await TestServer.start()
  const call = publish(server, [
    { type: 'code', externalId: 'a' },
    { type: 'code', externalId: 'b', ...extra },
  ])
  expect(await refusal(call)).toMatchObject({ code: 'INVALID_INPUT', applied: 'no' })
  expect(rows(server, 'SELECT id FROM tasks')).toEqual([])
  expect(rows(server, 'SELECT seq FROM event_log')).toEqual([])
})

test('a plan with a cycle is DEPENDENCY_CYCLE and can be corrected', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  const b = { type: 'code', externalId: 'b', dependsOn: ['a'] }
  await lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'a', dependsOn: ['b'] }, b] })
  const refused = await refusal(lead.plans.commit({ planId }))
  expect(refused).toMatchObject({ code: 'DEPENDENCY_CYCLE', details: { cycle: ['a', 'b', 'a'] } })
  await lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'a' }] })
  expect(await lead.plans.commit({ planId })).toMatchObject({ created: 2 })
})

test('a chain of 1 000 rows is published by one commit', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { planId } = await lead.plans.begin({ name: 'plan' })
  const chain = Array.from({ length: 1_000 }, (_, index) => ({
    type: 'code',
    externalId: `t${index}`,
    dependsOn: index === 999 ? [] : [`t${index + 1}`],
  }))
  for (let start = 0; start < 1_000; start += 200)
    await lead.plans.add({ planId, tasks: chain.slice(start, start + 200) })
  expect(await lead.plans.commit({ planId })).toMatchObject({ created: 1_000 })
  const last = await claimOne(worker)
  expect(last.externalId).toBe('t999')
  await worker.tasks.complete(leaseOf(last))
  expect((await claimOne(worker)).externalId).toBe('t998')
})

test('a committed plan accepts no changes', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const committed = await publish(server, [{ type: 'code', externalId: 'a' }])
  const { planId } = committed
  const add = lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'b' }] })
  expect(await refusal(add)).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
  expect(await lead.plans.commit({ planId })).toEqual(committed)
  expect((await lead.events.list({ types: ['plan.committed'] })).events).toHaveLength(1)
})

test('a commit with the same key returns the first reply', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan', idempotencyKey: 'k' })
  expect(await lead.plans.begin({ name: 'plan', idempotencyKey: 'k' })).toEqual({ planId })
  expect(await refusal(lead.plans.begin({ name: 'x', idempotencyKey: 'k' }))).toMatchObject({
    code: 'IDEMPOTENCY_CONFLICT',
  })
  await lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'a' }] })
  const first = await lead.plans.commit({ planId, idempotencyKey: 'k' })
  expect(await lead.plans.commit({ planId, idempotencyKey: 'k' })).toEqual(first)
})

test('an unknown plan is NOT_FOUND, and wrong rows are INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  const row = { type: 'code', externalId: 'a' }
  expect(await refusal(lead.plans.add({ planId: nobody, tasks: [row] }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(lead.plans.commit({ planId: nobody }))).toMatchObject({ code: 'NOT_FOUND' })
  for (const tasks of [[], [{ type: 'code', externalId: '' }], Array.from({ length: 201 }, () => row)]) {
    expect(await refusal(lead.plans.add({ planId, tasks }))).toMatchObject({ code: 'INVALID_INPUT' })
  }
})

test('plans need a tech lead', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const tasks = [{ type: 'code', externalId: 'a' }]
  expect(await refusal(worker.plans.begin({ name: 'plan' }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(worker.plans.add({ planId: nobody, tasks }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(worker.plans.commit({ planId: nobody }))).toMatchObject({ code: 'FORBIDDEN' })
})
