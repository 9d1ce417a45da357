import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

test('a task with a dependency is blocked until that one is completed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const first = await lead.tasks.create({ type: 'code' })
  const second = await lead.tasks.create({ type: 'code', dependsOn: [first.id], priority: 'critical' })
  expect(second).toMatchObject({ status: 'blocked', dependsOn: [first.id] })
  const { tasks } = await worker.tasks.claim({ limit: 2 })
  expect(tasks.map(({ id }) => id)).toEqual([first.id])
  for (const task of tasks) await worker.tasks.complete(leaseOf(task))
  expect(await lead.tasks.get({ taskId: second.id })).toMatchObject({ status: 'pending' })
  const { events } = await lead.events.list({ types: ['task.unblocked'] })
  expect(events).toMatchObject([{ subject: second.id, data: { by: first.id } }])
  expect((await claimOne(worker)).id).toBe(second.id)
})

test('the last task of a diamond waits for both sides', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.createMany({
    tasks: [
      { type: 'top', key: 'top' },
      { type: 'left', key: 'left', dependsOn: ['top'] },
      { type: 'right', key: 'right', dependsOn: ['top'] },
      { type: 'bottom', dependsOn: ['left', 'right'] },
    ],
  })
  const order: string[][] = []
  for (let tasks = (await worker.tasks.claim({ limit: 4 })).tasks; tasks.length > 0; ) {
    order.push(tasks.map(({ type }) => type))
    for (const task of tasks) await worker.tasks.complete(leaseOf(task))
    tasks = (await worker.tasks.claim({ limit: 4 })).tasks
  }
  expect(order).toEqual([['top'], ['left', 'right'], ['bottom']])
  expect((await lead.events.list({ types: ['task.unblocked'] })).events).toHaveLength(3)
})

test('a dependency named twice counts once', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const task = await lead.tasks.create({ type: 'code', dependsOn: [id, id] })
  expect(task.dependsOn).toEqual([id])
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect((await claimOne(worker)).id).toBe(task.id)
})

test('a completed dependency does not block', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  const task = await lead.tasks.create({ type: 'code', dependsOn: [id] })
  expect(task).toMatchObject({ status: 'pending', dependsOn: [id] })
  expect((await claimOne(worker)).id).toBe(task.id)
})

test('a dependency that failed or was cancelled leaves its dependents blocked', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const failing = await lead.tasks.create({ type: 'code' })
  const cancelled = await lead.tasks.create({ type: 'code' })
  const one = await lead.tasks.create({ type: 'code', dependsOn: [failing.id] })
  const two = await lead.tasks.create({ type: 'code', dependsOn: [cancelled.id] })
  await worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'never', retryable: false })
  await lead.tasks.cancel({ taskId: cancelled.id })
  const late = await lead.tasks.create({ type: 'code', dependsOn: [failing.id] })
  for (const { id } of [one, two, late]) expect((await lead.tasks.get({ taskId: id })).status).toBe('blocked')
  expect((await worker.tasks.claim()).tasks).toEqual([])
})

test('an unblocked task still waits for its notBefore and needs its capabilities', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const able = await server.agent('able', { capabilities: ['rust'] })
  const { id } = await lead.tasks.create({ type: 'code' })
  const notBefore = '2026-01-01T00:00:05.000Z'
  const task = await lead.tasks.create({ type: 'code', dependsOn: [id], notBefore, requires: ['rust'] })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect((await lead.tasks.get({ taskId: task.id })).status).toBe('pending')
  expect((await able.tasks.claim()).tasks).toEqual([])
  await server.advance(5_000)
  expect((await worker.tasks.claim()).tasks).toEqual([])
  expect((await claimOne(able)).id).toBe(task.id)
})

test('a blocked task whose notBefore has passed stays blocked', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const task = await lead.tasks.create({ type: 'code', dependsOn: [id], notBefore: '2026-01-01T00:00:05.000Z' })
  const held = await claimOne(worker)
  await server.advance(6_000)
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await worker.tasks.complete(leaseOf(held))
  expect((await claimOne(worker)).id).toBe(task.id)
})

test('a repeated completion unblocks once', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const [a, b] = [await lead.tasks.create({ type: 'a' }), await lead.tasks.create({ type: 'b' })]
  const both = await lead.tasks.create({ type: 'c', dependsOn: [a.id, b.id] })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.complete(lease)
  await worker.tasks.complete(lease)
  expect((await lead.tasks.get({ taskId: both.id })).status).toBe('blocked')
})
