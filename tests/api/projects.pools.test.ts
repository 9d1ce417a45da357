import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const inPool = (client: Client, count: number) =>
  client.tasks.createMany({ tasks: Array.from({ length: count }, () => ({ type: 'code', locks: ['pool:gpu'] })) })

/** The client repeats a call with a conflict until its deadline. */
const soon = { deadlineMs: 200 }

test('a pool has as many holders as slots, and each lease that ends admits one more', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.projects.setPools({ pools: { gpu: 2 } })
  await inPool(lead, 5)
  const { tasks } = await ada.tasks.claim({ limit: 5 })
  expect(tasks).toHaveLength(2)
  expect((await lead.projects.get()).pools).toEqual({ gpu: { size: 2, held: 2 } })
  for (const task of tasks) {
    await ada.tasks.complete(leaseOf(task))
    expect((await ada.tasks.claim({ limit: 5 })).tasks).toHaveLength(1)
  }
})

test('one lease holds one slot of a pool, for any number of calls', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.projects.setPools({ pools: { gpu: 2 } })
  await inPool(lead, 1)
  const lease = leaseOf(await claimOne(ada))
  expect((await ada.tasks.lock({ ...lease, locks: ['pool:gpu'] })).locks).toEqual(['pool:gpu'])
  expect((await lead.projects.get()).pools).toEqual({ gpu: { size: 2, held: 1 } })
})

test('a slot of a full pool is LOCK_CONFLICT under a lease', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.projects.setPools({ pools: { gpu: 1, empty: 0 } })
  await inPool(lead, 1)
  await lead.tasks.create({ type: 'code' })
  const { tasks } = await ada.tasks.claim({ limit: 2 })
  const [holder, other] = tasks.map(leaseOf)
  if (!holder || !other) throw new Error('two tasks were to be claimed')
  expect(await refusal(ada.tasks.lock({ ...other, locks: ['pool:gpu'] }, soon))).toMatchObject({
    code: 'LOCK_CONFLICT',
    details: { lock: 'pool:gpu', taskId: holder.taskId, agentId: ada.id },
  })
  expect(await refusal(ada.tasks.lock({ ...other, locks: ['pool:empty'] }, soon))).toMatchObject({
    code: 'LOCK_CONFLICT',
    details: { lock: 'pool:empty', taskId: null, agentId: null },
  })
})

test('a pool that grows wakes the claims that wait for a slot', async () => {
  await using server = await TestServer.start()
  const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
  await lead.projects.setPools({ pools: { gpu: 0 } })
  await inPool(lead, 3)
  const waits = [ada, bob].map((agent) => agent.tasks.claim({ waitMs: 20_000 }))
  await Promise.all([ada.agents.heartbeat({}), bob.agents.heartbeat({})])
  const grown = await lead.projects.setPools({ pools: { gpu: 2 } })
  expect(grown.pools).toEqual({ gpu: { size: 2, held: 0 } })
  for (const { tasks } of await Promise.all(waits)) expect(tasks).toHaveLength(1)
})

test('a pool that shrinks ends no lease and admits no task until a slot is free', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.projects.setPools({ pools: { gpu: 2 } })
  await inPool(lead, 3)
  const { tasks } = await ada.tasks.claim({ limit: 3 })
  await lead.projects.setPools({ pools: { gpu: 1 } })
  expect((await lead.projects.get()).pools).toEqual({ gpu: { size: 1, held: 2 } })
  const [first, second] = tasks.map(leaseOf)
  if (first) await ada.tasks.complete(first)
  expect((await ada.tasks.claim()).tasks).toEqual([])
  if (second) await ada.tasks.complete(second)
  expect((await ada.tasks.claim()).tasks).toHaveLength(1)
})

test('a deleted pool keeps its tasks waiting until it has a size again', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.projects.setPools({ pools: { gpu: 1, cpu: 3 } })
  const { tasks } = await inPool(lead, 1)
  expect((await lead.projects.setPools({ pools: { gpu: null } })).pools).toEqual({ cpu: { size: 3, held: 0 } })
  expect((await ada.tasks.claim()).tasks).toEqual([])
  expect((await lead.tasks.explain({ taskId: tasks[0]?.id ?? '' })).reasons).toMatchObject([{ predicate: 'pool' }])
  await lead.projects.setPools({ pools: { gpu: 1 } })
  expect((await ada.tasks.claim()).tasks).toHaveLength(1)
})

test('a task with a pool without a size is INVALID_INPUT in each way to create it', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const spec = { type: 'code', locks: ['pool:gpu'] }
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({ planId, tasks: [{ externalId: 'x', ...spec }] })
  const calls = [
    () => lead.tasks.create(spec),
    () => lead.tasks.createMany({ tasks: [spec] }),
    () => lead.plans.commit({ planId }),
  ]
  for (const call of calls) {
    const refused = await refusal(call())
    expect(refused).toMatchObject({ code: 'INVALID_INPUT', details: { lock: 'pool:gpu' } })
    expect(refused.message).toContain('projects.setPools')
  }
  await lead.projects.setPools({ pools: { gpu: 1 } })
  for (const call of calls) await call()
})

test('an event reports the changed sizes, and an unchanged size appends none', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.projects.setPools({ pools: { gpu: 1, cpu: 2 } })
  await lead.projects.setPools({ pools: { gpu: 1, cpu: null, absent: null } })
  await lead.projects.setPools({ pools: { gpu: 1 } })
  const { events } = await lead.events.list({ types: ['project.updated'] })
  expect(events.map(({ data }) => data)).toEqual([{ pools: { gpu: 1, cpu: 2 } }, { pools: { cpu: null } }])
})

test('a tech lead sets sizes, which are whole numbers up to 10 000', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  expect(await refusal(ada.projects.setPools({ pools: { gpu: 1 } }))).toMatchObject({ code: 'FORBIDDEN' })
  for (const size of [-1, 1.5, 10_001])
    expect(await refusal(server.connect().projects.setPools({ pools: { gpu: size } }))).toMatchObject({
      code: 'INVALID_INPUT',
    })
})
