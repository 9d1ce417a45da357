import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

type Rows = Parameters<ReturnType<TestServer['connect']>['plans']['add']>[0]['tasks']

async function publish(server: TestServer, tasks: Rows) {
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({ planId, tasks })
  return lead.plans.commit({ planId })
}

const row = (externalId: string, ...dependsOn: string[]) => ({ type: 'code', externalId, dependsOn })

test('a repeated plan changes nothing', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const plan = [row('a'), row('b', 'a')]
  await publish(server, plan)
  const before = await lead.tasks.list({})
  expect(await publish(server, plan)).toMatchObject({ created: 0, updated: 0, unchanged: 2 })
  expect(await lead.tasks.list({})).toEqual(before)
})

test('only changed rows are updated', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await publish(server, [row('a'), row('b')])
  const { id, revision } = await lead.tasks.get({ taskId: 'b' })
  const changed = { ...row('b'), title: 'new', priority: 'high', epic: 'login', extra: 1 } as const
  expect(await publish(server, [row('a'), changed, row('c')])).toMatchObject({ created: 1, updated: 1, unchanged: 1 })
  const task = await lead.tasks.get({ taskId: 'b' })
  expect(task).toMatchObject({ id, title: 'new', priority: 'high', epic: 'login', metadata: { extra: 1 } })
  expect(task.revision).toBe(revision + 1)
  expect((await lead.events.list({ types: ['task.updated'] })).events).toMatchObject([{ subject: id }])
})

test('the progress of a task is kept', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await publish(server, [row('a'), row('b')])
  await worker.tasks.complete({ ...leaseOf(await claimOne(worker)), result: 42 })
  const held = await claimOne(worker)
  await publish(server, [
    { ...row('a'), title: 'x' },
    { ...row('b'), title: 'y' },
  ])
  expect(await lead.tasks.get({ taskId: 'a' })).toMatchObject({ status: 'completed', result: 42, title: 'x' })
  expect(await lead.tasks.get({ taskId: 'b' })).toMatchObject({ status: 'in_progress', title: 'y' })
  expect(await worker.tasks.complete(leaseOf(held))).toMatchObject({ status: 'completed' })
})

test('edges are added, removed and reversed', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const status = async (taskId: string) => (await lead.tasks.get({ taskId })).status
  await publish(server, [row('a'), row('b', 'a'), row('c')])
  await publish(server, [row('a', 'b'), row('b'), row('c', 'a', 'b')])
  expect([await status('a'), await status('b'), await status('c')]).toEqual(['blocked', 'pending', 'blocked'])
  const { id: a } = await lead.tasks.get({ taskId: 'a' })
  const { id: b } = await lead.tasks.get({ taskId: 'b' })
  expect((await lead.tasks.get({ taskId: 'a' })).dependsOn).toEqual([b])
  expect(new Set((await lead.tasks.get({ taskId: 'c' })).dependsOn)).toEqual(new Set([a, b]))
})

test('a waiting claim is answered when a blocking edge is removed', async () => {
  await using server = await TestServer.start()
  const [worker, busy] = [await server.agent('worker'), await server.agent('busy')]
  await publish(server, [row('a'), row('b', 'a')])
  await claimOne(busy)
  const waiting = claimOne(worker, { waitMs: 20_000 })
  await worker.agents.heartbeat({})
  await publish(server, [row('b')])
  expect((await waiting).externalId).toBe('b')
})

test('an edge that closes a cycle with existing ones is DEPENDENCY_CYCLE', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await publish(server, [row('a'), row('b', 'a'), row('c', 'b')])
  expect(await refusal(publish(server, [row('a', 'c')]))).toMatchObject({ code: 'DEPENDENCY_CYCLE', applied: 'no' })
  expect(await refusal(publish(server, [row('a', 'a')]))).toMatchObject({ code: 'DEPENDENCY_CYCLE' })
  expect(await lead.tasks.get({ taskId: 'a' })).toMatchObject({ status: 'pending', dependsOn: [] })
})

test.each(['release', 'fail', 'expire', 'takeover'])(
  'a task that gets a new dependency under a lease is blocked after a %s',
  async (how) => {
    await using server = await TestServer.start()
    const [lead, worker] = [server.connect(), await server.agent('worker')]
    await publish(server, [row('a')])
    const lease = leaseOf(await claimOne(worker, { leaseMs: 5_000 }))
    await publish(server, [row('a', 'b'), row('b')])
    expect((await lead.tasks.get({ taskId: 'a' })).status).toBe('in_progress')
    if (how === 'release') await worker.tasks.release(lease)
    if (how === 'fail') await worker.tasks.fail({ ...lease, error: 'no luck', nextRetryDelayMs: 0 })
    if (how === 'takeover') await server.agent('worker')
    await server.advance(5_000)
    expect(await lead.tasks.get({ taskId: 'a' })).toMatchObject({ status: 'blocked' })
    const other = await server.agent('other')
    await other.tasks.complete(leaseOf(await claimOne(other)))
    expect((await claimOne(other)).externalId).toBe('a')
  },
)

test('a task that gets a new dependency under a lease can still be completed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await publish(server, [row('a')])
  const lease = leaseOf(await claimOne(worker))
  await publish(server, [row('a', 'b'), row('b')])
  expect(await worker.tasks.complete(lease)).toMatchObject({ status: 'completed' })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect((await lead.tasks.get({ taskId: 'a' })).status).toBe('completed')
})

test('a row with another assignee or capability goes to another agent', async () => {
  await using server = await TestServer.start()
  const [plain, able] = [await server.agent('plain'), await server.agent('able', { capabilities: ['rust'] })]
  await publish(server, [row('a')])
  await publish(server, [{ ...row('a'), requires: ['rust'] }])
  expect((await plain.tasks.claim()).tasks).toEqual([])
  await publish(server, [{ ...row('a'), assignedTo: 'plain' }])
  expect((await able.tasks.claim()).tasks).toEqual([])
  expect((await claimOne(plain)).externalId).toBe('a')
})

test('a changed row that names no agent leaves an assignment that was made here', async () => {
  await using server = await TestServer.start()
  const [lead, plain, other] = [server.connect(), await server.agent('plain'), await server.agent('other')]
  await publish(server, [row('a')])
  const { id: taskId, revision } = await lead.tasks.get({ taskId: 'a' })
  await lead.tasks.update({ taskId, expectedRevision: revision, assignedTo: 'plain' })
  await publish(server, [{ ...row('a'), title: 'changed at its source' }])
  expect((await other.tasks.claim()).tasks).toEqual([])
  expect(await claimOne(plain)).toMatchObject({ externalId: 'a', title: 'changed at its source' })
})

test('a row with another notBefore is not claimable before it', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  await publish(server, [row('a')])
  await publish(server, [{ ...row('a'), notBefore: '2026-01-01T00:00:05.000Z' }])
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await server.advance(5_000)
  expect((await claimOne(worker)).externalId).toBe('a')
})
