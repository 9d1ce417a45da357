import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const statusOf = async (lead: Client, taskId: string) => (await lead.tasks.get({ taskId })).status

/** A parent, a task that waits for it, and a child that waits for that task. */
async function createCycle(lead: Client, third: { readonly scheduleToCloseMs?: number } = {}) {
  const { id: parent } = await lead.tasks.create({ type: 'epic', title: 'parent' })
  const { id: between } = await lead.tasks.create({ type: 'code', title: 'between', dependsOn: [parent], ...third })
  const waitsFor = [{ taskId: between, kind: 'failure' as const }]
  const { id: child } = await lead.tasks.create({ type: 'code', title: 'child', parentId: parent, waitsFor })
  expect(await statusOf(lead, parent)).toBe('pending')
  return { parent, between, child }
}

async function completeNext(worker: Client): Promise<string | null> {
  const task = await claimOne(worker)
  await worker.tasks.complete(leaseOf(task))
  return task.title
}

test('a parent waits for its child once a change of a third task has ended their cycle', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { parent, between, child } = await createCycle(lead)
  await lead.tasks.update({ taskId: between, expectedRevision: 1, dependsOn: [] })
  expect(await statusOf(lead, parent)).toBe('blocked')
  const { reasons } = await lead.tasks.explain({ taskId: parent })
  expect(reasons.map(({ message }) => message)).toEqual([
    `waits for the end of its child "child", ${child}, which is blocked`,
  ])
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'no', retryable: false })
  expect([await completeNext(worker), await completeNext(worker)]).toEqual(['child', 'parent'])
})

test('a parent waits for its child once the third task of their cycle has ended, and until it waits again', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { parent, between, child } = await createCycle(lead, { scheduleToCloseMs: 60_000 })
  await server.advance(60_000)
  expect([await statusOf(lead, parent), await statusOf(lead, child)]).toEqual(['blocked', 'pending'])
  await lead.tasks.retry({ taskId: between })
  expect([await statusOf(lead, parent), await statusOf(lead, child)]).toEqual(['pending', 'blocked'])
  expect([await completeNext(worker), await completeNext(worker)]).toEqual(['parent', 'between'])
})

test('the tasks of a cycle can be cancelled together', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const task = { type: 'code', epic: 'all' }
  const { id: parent } = await lead.tasks.create({ ...task, onChildrenEnd: 'complete' })
  const { id: between } = await lead.tasks.create({ ...task, parentId: parent, dependsOn: [parent] })
  const waitsFor = [{ taskId: between, kind: 'failure' as const }]
  const { id: child } = await lead.tasks.create({ ...task, parentId: parent, waitsFor })
  const { id: last } = await lead.tasks.create({ ...task, parentId: parent })
  const { taskIds } = await lead.tasks.cancelMany({ filter: { epic: 'all' }, reason: 'no' })
  expect(taskIds).toEqual([parent, between, child, last])
  for (const id of taskIds) expect(await statusOf(lead, id)).toBe('cancelled')
})

test('a child inherits again what a cycle had left out', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: parent } = await lead.tasks.create({ type: 'epic' })
  const { id: child } = await lead.tasks.create({ type: 'code', parentId: parent })
  const { id: between } = await lead.tasks.create({ type: 'code', dependsOn: [child] })
  const { id: gate } = await lead.tasks.create({ type: 'code', dependsOn: [between] })
  const { revision } = await lead.tasks.get({ taskId: parent })
  await lead.tasks.update({ taskId: parent, expectedRevision: revision, dependsOn: [gate] })
  expect(await statusOf(lead, child)).toBe('pending')
  await lead.tasks.update({ taskId: gate, expectedRevision: 1, dependsOn: [] })
  expect(await statusOf(lead, child)).toBe('blocked')
  await lead.tasks.update({ taskId: gate, expectedRevision: 2, dependsOn: [between] })
  expect(await statusOf(lead, child)).toBe('pending')
  await lead.tasks.update({ taskId: between, expectedRevision: 1, dependsOn: [] })
  expect([await statusOf(lead, child), await statusOf(lead, between)]).toEqual(['blocked', 'pending'])
})

test('a task that waits for the children of another one also waits for that one, if its parent does', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: gate } = await lead.tasks.create({ type: 'code', title: 'gate' })
  const { id: parent } = await lead.tasks.create({ type: 'epic', dependsOn: [gate] })
  const waitsFor = [{ taskId: gate, kind: 'children' as const }]
  const { id: child } = await lead.tasks.create({ type: 'code', title: 'child', parentId: parent, waitsFor })
  expect((await lead.tasks.explain({ taskId: child })).reasons.map(({ message }) => message)).toEqual([
    `waits, as its parent does, for "gate", ${gate}, which is pending`,
  ])
  const { revision } = await lead.tasks.get({ taskId: parent })
  await lead.tasks.update({ taskId: parent, expectedRevision: revision, dependsOn: [] })
  expect(await lead.tasks.get({ taskId: child })).toMatchObject({ status: 'pending', waitsFor })
  await lead.tasks.update({ taskId: parent, expectedRevision: revision + 1, dependsOn: [gate] })
  expect(await statusOf(lead, child)).toBe('blocked')
  expect([await completeNext(worker), await completeNext(worker)]).toEqual(['gate', 'child'])
})

test('a task can wait for another one and for its children', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: epic } = await lead.tasks.create({ type: 'epic', title: 'epic' })
  const waits = { dependsOn: [epic], waitsFor: [{ taskId: epic, kind: 'children' as const }] }
  const { id: review, ...created } = await lead.tasks.create({ type: 'review', ...waits })
  expect(created).toMatchObject(waits)
  const lease = leaseOf(await claimOne(worker))
  await lead.tasks.create({ type: 'code', title: 'child', parentId: epic })
  await worker.tasks.complete(lease)
  expect(await statusOf(lead, review)).toBe('blocked')
  expect(await completeNext(worker)).toBe('child')
  expect(await statusOf(lead, review)).toBe('pending')
})

test("a task's own wait for a failure wins over its parent's wait for the completion of the same task", async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: deploy } = await lead.tasks.create({ type: 'deploy' })
  const { id: parent } = await lead.tasks.create({ type: 'epic', dependsOn: [deploy] })
  const waitsFor = [{ taskId: deploy, kind: 'failure' as const }]
  const { id: rollback } = await lead.tasks.create({ type: 'rollback', parentId: parent, waitsFor })
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'no', retryable: false })
  expect((await claimOne(worker)).id).toBe(rollback)
})
