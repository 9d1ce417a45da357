import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { claimOne, leaseOf, rows } from './given.ts'

const config = { maxStarvationMs: 20_000 }

const many = (count: number, task: object) =>
  Array.from({ length: count }, () => ({ type: 'code', priority: 'high' as const, ...task }))

interface Saturated {
  readonly server: TestServer
  readonly worker: Client
  readonly seconds: number
  /**
   * A task that is created again in each second, so that there is always more work than the agent
   * can do.
   */
  readonly more: object
}

/**
 * Claims one task per second while two are created. Returns the titles of the claimed tasks with
 * their seconds.
 */
async function saturated({ server, worker, seconds, more }: Saturated): Promise<[string, number][]> {
  const claimed: [string, number][] = []
  for (let second = 1; second <= seconds; second += 1) {
    await server.connect().tasks.createMany({ tasks: many(2, more) })
    await server.advance(1_000)
    const task = await claimOne(worker)
    if (task.title !== null) claimed.push([task.title, second])
    await worker.tasks.complete(leaseOf(task))
  }
  return claimed
}

test('a low task that competes with a stream of high ones is claimed within the longest wait', async () => {
  await using server = await TestServer.start({ config })
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code', priority: 'low', title: 'low' })
  const claimed = await saturated({ server, worker, seconds: 20, more: {} })
  expect(claimed).toEqual([['low', 16]])
})

test('a low task that waits for the same lock as high ones is claimed within the longest wait too', async () => {
  await using server = await TestServer.start({ config })
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.projects.setPools({ pools: { gpu: 1 } })
  for (let part = 0; part < 4; part += 1) await lead.tasks.createMany({ tasks: many(50, { locks: ['pool:gpu'] }) })
  await lead.tasks.create({ type: 'code', priority: 'low', title: 'low', locks: ['pool:gpu'] })
  const held = await claimOne(worker)
  expect((await worker.tasks.claim({ limit: 32 })).tasks).toEqual([])
  expect(rows(server, 'select 1 from tasks where parked_on is not null')).toHaveLength(200)
  await worker.tasks.complete(leaseOf(held))
  const claimed = await saturated({ server, worker, seconds: 20, more: { locks: ['pool:gpu'] } })
  expect(claimed.map(([title]) => title)).toEqual(['low'])
})

test('an aged task that is parked for a lock passes its position to the next one', async () => {
  await using server = await TestServer.start({ config })
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.projects.setPools({ pools: { gpu: 1 } })
  await lead.tasks.create({ type: 'code', priority: 'low', title: 'waits', locks: ['pool:gpu'] })
  await lead.tasks.create({ type: 'code', priority: 'low', title: 'free' })
  await server.advance(17_000)
  await lead.tasks.createMany({ tasks: many(3, { title: 'high' }) })
  await lead.projects.setPools({ pools: { gpu: 0 } })
  await server.advance(1_000)
  const { tasks } = await worker.tasks.claim({ limit: 2 })
  expect(tasks.map(({ title }) => title)).toEqual(['free', 'high'])
  await lead.projects.setPools({ pools: { gpu: 1 } })
  await server.advance(1_000)
  expect((await claimOne(worker)).title).toBe('waits')
})

test('tasks that cannot be claimed do not keep the others of their claim group from aging', async () => {
  await using server = await TestServer.start({ config })
  const [lead, ada, worker] = [server.connect(), await server.agent('ada'), await server.agent('worker')]
  await lead.tasks.create({ type: 'code', priority: 'critical', locks: ['db:users'] })
  await claimOne(ada, { leaseMs: 60_000 })
  await lead.tasks.createMany({ tasks: many(20, { priority: 'low', locks: ['db:users'] }) })
  await lead.tasks.createMany({ tasks: many(20, { priority: 'low', epic: 'walls' }) })
  await lead.agents.pause({ epic: 'walls' })
  await server.advance(1_000)
  await lead.tasks.create({ type: 'code', priority: 'low', title: 'free' })
  await lead.tasks.createMany({ tasks: many(3, { title: 'high' }) })
  await server.advance(17_000)
  for (let turn = 1; turn <= 3; turn += 1) await server.advance(1_000)
  const { tasks } = await worker.tasks.claim({ limit: 2 })
  expect(tasks.map(({ title }) => title)).toEqual(['free', 'high'])
})

test('critical tasks go before aged ones', async () => {
  await using server = await TestServer.start({ config })
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code', priority: 'low', title: 'low' })
  await lead.tasks.createMany({ tasks: many(3, { title: 'high' }) })
  await server.advance(60_000)
  await lead.tasks.createMany({ tasks: many(3, { priority: 'critical', title: 'critical' }) })
  const { tasks } = await worker.tasks.claim({ limit: 7 })
  expect(tasks.map(({ title }) => title)).toEqual([...Array(3).fill('critical'), 'low', ...Array(3).fill('high')])
})

test('of a thousand tasks that starve together one ages at a time, the oldest of each claim group', async () => {
  await using server = await TestServer.start({ config })
  const [lead, worker] = [server.connect(), await server.agent('worker', { capabilities: ['ts'] })]
  for (let part = 0; part < 5; part += 1)
    await lead.tasks.createMany({ tasks: many(200, { priority: 'low', title: `low ${part}` }) })
  await lead.tasks.createMany({ tasks: many(5, { priority: 'low', title: 'ts', requires: ['ts'] }) })
  await lead.tasks.createMany({ tasks: many(5, { title: 'high' }) })
  await server.advance(16_000)
  await server.advance(1_000)
  expect(rows(server, 'select 1 from tasks where rank = 1 and ready is not null')).toHaveLength(2)
  const { tasks } = await worker.tasks.claim({ limit: 4 })
  expect(tasks.map(({ title }) => title)).toEqual(['low 0', 'ts', 'high', 'high'])
  await server.advance(1_000)
  expect(rows(server, 'select 1 from tasks where rank = 1 and ready is not null')).toHaveLength(2)
})

test('neither normal tasks nor tasks that wait for their time or a dependency age', async () => {
  await using server = await TestServer.start({ config })
  const lead = server.connect()
  const normal = await lead.tasks.create({ type: 'code' })
  await lead.tasks.create({ type: 'code', priority: 'low', dependsOn: [normal.id] })
  await lead.tasks.create({ type: 'code', priority: 'low', notBefore: '2026-01-01T00:00:50.000Z' })
  await server.advance(60_000)
  expect(rows(server, 'select 1 from tasks where rank = 1')).toEqual([])
})

test('the wait of a released task starts again', async () => {
  await using server = await TestServer.start({ config })
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code', priority: 'low' })
  await server.advance(20_000)
  const task = await claimOne(worker)
  await worker.tasks.fail({ ...leaseOf(task), error: 'no', nextRetryDelayMs: 1_000 })
  await server.advance(1_000)
  expect(rows(server, 'select rank from tasks')).toEqual([{ rank: 4 }])
  const again = await claimOne(worker)
  await worker.tasks.release(leaseOf(again))
  await server.advance(15_000)
  expect(rows(server, 'select rank from tasks')).toEqual([{ rank: 4 }])
  await server.advance(1_000)
  expect(rows(server, 'select rank from tasks')).toEqual([{ rank: 1 }])
})
