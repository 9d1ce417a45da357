import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const statusOf = async (lead: Client, taskId: string) => (await lead.tasks.get({ taskId })).status

test('a failure dependency is met by the failure of the other task alone', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: first } = await lead.tasks.create({ type: 'code' })
  const waitsFor = [{ taskId: first, kind: 'failure' as const }]
  const { id: rollback, ...created } = await lead.tasks.create({ type: 'code', waitsFor })
  expect(created).toMatchObject({ status: 'blocked', waitsFor, dependsOn: [] })
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'no', retryable: false })
  expect(await statusOf(lead, rollback)).toBe('pending')
  await lead.tasks.retry({ taskId: first })
  expect(await statusOf(lead, rollback)).toBe('blocked')
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect((await lead.tasks.explain({ taskId: rollback })).reasons).toEqual([
    { predicate: 'dependencies', message: `waits for the failure of task ${first}, which is completed` },
  ])
})

test('a children dependency waits for the children of the other task, later ones too', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: epic } = await lead.tasks.create({ type: 'epic', hold: 'an umbrella' })
  const waitsFor = [{ taskId: epic, kind: 'children' as const }]
  const { id: review } = await lead.tasks.create({ type: 'review', waitsFor, assignedTo: worker.id })
  expect(await statusOf(lead, review)).toBe('pending')
  await lead.tasks.create({ type: 'code', parentId: epic })
  expect(await statusOf(lead, review)).toBe('blocked')
  await lead.tasks.create({ type: 'code', parentId: epic })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect(await statusOf(lead, review)).toBe('blocked')
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect((await claimOne(worker)).id).toBe(review)
})

test('kinds can be named by keys within a call, and changed later', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { tasks } = await lead.tasks.createMany({
    tasks: [
      { type: 'epic', key: 'epic' },
      { type: 'code', key: 'child', parentId: 'epic' },
      { type: 'review', key: 'review', waitsFor: [{ taskId: 'epic', kind: 'children' }] },
    ],
  })
  const [epic = '', child = '', review = ''] = tasks.map(({ id }) => id)
  expect(await lead.tasks.get({ taskId: review })).toMatchObject({
    status: 'blocked',
    waitsFor: [{ taskId: epic, kind: 'children' }],
  })
  const waitsFor = [{ taskId: child, kind: 'failure' as const }]
  await lead.tasks.update({ taskId: review, expectedRevision: 1, waitsFor })
  expect(await lead.tasks.get({ taskId: review })).toMatchObject({ status: 'blocked', waitsFor })
  await lead.tasks.update({ taskId: review, expectedRevision: 2, waitsFor: [] })
  expect((await claimOne(worker)).id).toBe(child)
  expect((await claimOne(worker)).id).toBe(review)
})

test('a dependency of another kind that closes a cycle is DEPENDENCY_CYCLE', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: first } = await lead.tasks.create({ type: 'code' })
  const { id: second } = await lead.tasks.create({ type: 'code', waitsFor: [{ taskId: first, kind: 'failure' }] })
  const update = lead.tasks.update({ taskId: first, expectedRevision: 1, dependsOn: [second] })
  expect(await refusal(update)).toMatchObject({ code: 'DEPENDENCY_CYCLE', applied: 'no' })
})
