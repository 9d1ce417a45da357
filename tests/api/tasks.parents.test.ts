import type { Client } from '@tony/mcp-client'
import { expireLeases } from '@tony/mcp-server/sweeps/expire-leases'
import { runSweep } from '@tony/mcp-server/sweeps/runner'
import { timeOutTasks } from '@tony/mcp-server/sweeps/time-out-tasks'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const statusOf = async (lead: Client, taskId: string) => (await lead.tasks.get({ taskId })).status

type Lease = ReturnType<typeof leaseOf>

async function ids(lead: Client, tasks: Parameters<Client['tasks']['createMany']>[0]['tasks']) {
  const created = await lead.tasks.createMany({ tasks })
  return Object.fromEntries(created.tasks.map(({ key, id }) => [key, id])) as Record<string, string>
}

async function completeNext(worker: Client): Promise<string | null> {
  const task = await claimOne(worker)
  await worker.tasks.complete(leaseOf(task))
  return task.title
}

test('a parent is claimed after its children have ended', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: parentId } = await lead.tasks.create({ type: 'epic', title: 'parent', priority: 'critical' })
  const { id: child } = await lead.tasks.create({ type: 'code', title: 'child', parentId })
  const { id: other } = await lead.tasks.create({ type: 'code', title: 'other', parentId })
  expect(await statusOf(lead, parentId)).toBe('blocked')
  expect((await lead.tasks.explain({ taskId: parentId })).reasons.map(({ message }) => message)).toEqual([
    `waits for the end of its child "child", ${child}, which is pending`,
    `waits for the end of its child "other", ${other}, which is pending`,
  ])
  expect(await completeNext(worker)).toBe('child')
  await lead.tasks.cancel({ taskId: other })
  expect(await completeNext(worker)).toBe('parent')
  const { events } = await lead.events.list({ types: ['task.blocked', 'task.unblocked'] })
  expect(events).toMatchObject([
    { type: 'task.blocked', subject: parentId, data: { by: child } },
    { type: 'task.unblocked', subject: parentId, data: { by: other } },
  ])
})

test('the events that return a task to the queue tell if it waits for a child', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const worker = await server.agent('worker')
  const other = await server.agent('other')
  const back = {
    'task.released': (lease: Lease) => worker.tasks.release(lease),
    'task.retried': (lease: Lease) => worker.tasks.fail({ ...lease, error: 'no' }),
    'task.reopened': async (lease: Lease) => {
      await worker.tasks.fail({ ...lease, error: 'no', retryable: false })
      await lead.tasks.retry({ taskId: lease.taskId })
    },
    'task.input_provided': async (lease: Lease) => {
      await worker.tasks.requestInput({ ...lease, question: 'which?' })
      await lead.tasks.provideInput({ taskId: lease.taskId, answer: 'this' })
    },
    'task.rejected': async (lease: Lease) => {
      await worker.tasks.complete(lease)
      await lead.tasks.verify({ taskId: lease.taskId, accept: false })
    },
    'task.expired': async () => {
      server.clock.advance(6_000)
      await runSweep(server.parts, expireLeases)
    },
    'task.timed_out': async () => {
      server.clock.advance(11_000)
      await runSweep(server.parts, timeOutTasks)
    },
  } as const
  for (const type of Object.keys(back) as (keyof typeof back)[]) {
    for (const status of ['pending', 'blocked']) {
      const acceptance = type === 'task.rejected' ? ('verify' as const) : ('complete' as const)
      const { id } = await lead.tasks.create({ type, acceptance, startToCloseMs: 10_000 })
      const lease = leaseOf(await claimOne(worker, { leaseMs: type === 'task.expired' ? 5_000 : 60_000 }))
      const child = { type: 'child', parentId: id, assignedTo: other.id }
      const children = status === 'blocked' ? [(await lead.tasks.create(child)).id] : []
      await back[type](lease)
      const { events } = await lead.events.list({ types: [type], taskId: id })
      expect([type, events.map(({ data }) => data)]).toMatchObject([type, [{ status }]])
      expect(await statusOf(lead, id)).toBe(status)
      for (const taskId of [id, ...children]) await lead.tasks.cancel({ taskId })
    }
  }
})

test('a holder may create children and complete the parent, or release it to be claimed after them', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: parentId } = await lead.tasks.create({ type: 'epic', title: 'parent' })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.create({ type: 'code', title: 'child', parentId })
  expect(await statusOf(lead, parentId)).toBe('in_progress')
  await worker.tasks.release(lease)
  expect(await statusOf(lead, parentId)).toBe('blocked')
  expect([await completeNext(worker), await completeNext(worker)]).toEqual(['child', 'parent'])
})

test('a parent with onChildrenEnd complete ends with its last child, up to its own parent', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const onChildrenEnd = 'complete'
  const { top = '', after = '' } = await ids(lead, [
    { type: 'epic', title: 'top', key: 'top', onChildrenEnd },
    { type: 'epic', title: 'middle', key: 'middle', parentId: 'top', onChildrenEnd },
    { type: 'code', title: 'leaf', parentId: 'middle' },
    { type: 'code', title: 'after', key: 'after', dependsOn: ['top'] },
  ])
  expect(await statusOf(lead, after)).toBe('blocked')
  expect(await completeNext(worker)).toBe('leaf')
  expect(await statusOf(lead, top)).toBe('completed')
  expect(await completeNext(worker)).toBe('after')
})

test('a task that would end with its children and has none is claimed after its dependency', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { last = '' } = await ids(lead, [
    { type: 'code', title: 'first', key: 'first' },
    { type: 'code', title: 'last', key: 'last', dependsOn: ['first'], onChildrenEnd: 'complete' },
  ])
  expect(await completeNext(worker)).toBe('first')
  expect(await statusOf(lead, last)).toBe('pending')
  expect(await completeNext(worker)).toBe('last')
})

test('a parent is not rolled up over a failed child, but can be claimed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { top = '' } = await ids(lead, [
    { type: 'epic', title: 'top', key: 'top', onChildrenEnd: 'complete' },
    { type: 'code', title: 'leaf', parentId: 'top' },
  ])
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'no', retryable: false })
  expect(await statusOf(lead, top)).toBe('pending')
})

test('a retried child blocks its parent again', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { top = '', leaf = '' } = await ids(lead, [
    { type: 'epic', key: 'top' },
    { type: 'code', title: 'leaf', key: 'leaf', parentId: 'top' },
  ])
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'no', retryable: false })
  await lead.tasks.retry({ taskId: leaf })
  expect(await statusOf(lead, top)).toBe('blocked')
  expect(await completeNext(worker)).toBe('leaf')
  expect(await statusOf(lead, top)).toBe('pending')
})

test('a child waits for what its parent waits for, at every depth', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { gate = '', leaf = '' } = await ids(lead, [
    { type: 'code', title: 'gate', key: 'gate', priority: 'low' },
    { type: 'epic', title: 'top', key: 'top', dependsOn: ['gate'] },
    { type: 'epic', title: 'middle', key: 'middle', parentId: 'top' },
    { type: 'code', title: 'leaf', key: 'leaf', parentId: 'middle', priority: 'critical' },
  ])
  const explained = (await lead.tasks.explain({ taskId: leaf })).reasons.map(({ message }) => message)
  expect(explained).toEqual([`waits, as its parent does, for "gate", ${gate}, which is pending`])
  expect((await lead.tasks.get({ taskId: leaf })).dependsOn).toEqual([])
  const order = []
  for (let step = 0; step < 4; step += 1) order.push(await completeNext(worker))
  expect(order).toEqual(['gate', 'leaf', 'middle', 'top'])
})

test('a child does not wait for a task that waits for the child', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await ids(lead, [
    { type: 'epic', title: 'top', key: 'top', dependsOn: ['middle', 'leaf', 'gate'] },
    { type: 'code', title: 'leaf', key: 'leaf', parentId: 'top' },
    { type: 'code', title: 'middle', key: 'middle', dependsOn: ['leaf'] },
    { type: 'code', title: 'gate', key: 'gate' },
  ])
  const order = []
  for (let step = 0; step < 4; step += 1) order.push(await completeNext(worker))
  expect(order).toEqual(['gate', 'leaf', 'middle', 'top'])
})

test('a parent does not wait for a child that waits for the parent', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: parentId } = await lead.tasks.create({ type: 'epic', title: 'parent' })
  await lead.tasks.create({ type: 'code', title: 'child', parentId, dependsOn: [parentId] })
  expect([await completeNext(worker), await completeNext(worker)]).toEqual(['parent', 'child'])
})

test('new dependencies of a parent hold its children back, and give way to what waits for them', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const {
    top = '',
    leaf = '',
    gate = '',
  } = await ids(lead, [
    { type: 'epic', title: 'top', key: 'top' },
    { type: 'code', title: 'leaf', key: 'leaf', parentId: 'top', priority: 'high' },
    { type: 'code', title: 'gate', key: 'gate' },
  ])
  await lead.tasks.update({ taskId: top, dependsOn: [gate], expectedRevision: 1 })
  expect(await statusOf(lead, leaf)).toBe('blocked')
  // The gate now waits for the leaf: the leaf no longer waits for the gate.
  await lead.tasks.update({ taskId: gate, dependsOn: [leaf], expectedRevision: 1 })
  expect([await statusOf(lead, leaf), await statusOf(lead, gate)]).toEqual(['pending', 'blocked'])
  const order = []
  for (let step = 0; step < 3; step += 1) order.push(await completeNext(worker))
  expect(order).toEqual(['leaf', 'gate', 'top'])
})

test('an older edge of a sibling does not keep a child from waiting for what its parent now waits for', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const {
    top = '',
    first = '',
    second = '',
  } = await ids(lead, [
    { type: 'epic', title: 'top', key: 'top', waitsFor: [{ taskId: 'first', kind: 'failure' }] },
    { type: 'code', title: 'first', key: 'first', parentId: 'top' },
    { type: 'code', title: 'second', key: 'second', parentId: 'top' },
  ])
  // Until now the second child waits for the failure of the first one, as their parent does.
  expect(await statusOf(lead, second)).toBe('blocked')
  await lead.tasks.update({ taskId: top, waitsFor: [], dependsOn: [second], expectedRevision: 1 })
  expect([await statusOf(lead, first), await statusOf(lead, second)]).toEqual(['blocked', 'pending'])
  const order = []
  for (let step = 0; step < 3; step += 1) order.push(await completeNext(worker))
  expect(order).toEqual(['second', 'first', 'top'])
})
