import { expect, test } from 'vitest'
import { type TestAgent, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

/**
 * Makes a claim that blocks on the server, and returns once its first attempt has run: the
 * heartbeat behind it on the same socket is answered.
 */
async function waiting(agent: TestAgent, options: { signal?: AbortSignal } = {}) {
  const claim = agent.tasks.claim({ waitMs: 20_000 }, options)
  await agent.agents.heartbeat({})
  const first = claim.then(({ tasks }) => tasks[0]?.id)
  first.catch(() => undefined)
  return { claim, first }
}

test('a waiting claim is answered when a task is created', async () => {
  await using server = await TestServer.start()
  const { first } = await waiting(await server.agent('worker'))
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect(await first).toBe(id)
})

test('a waiting claim is answered when a task is unblocked', async () => {
  await using server = await TestServer.start()
  const [lead, busy, worker] = [server.connect(), await server.agent('busy'), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const dependent = await lead.tasks.create({ type: 'code', dependsOn: [id] })
  const held = await claimOne(busy)
  const { first } = await waiting(worker)
  await busy.tasks.complete(leaseOf(held))
  expect(await first).toBe(dependent.id)
})

test('a waiting claim is answered when a task is released', async () => {
  await using server = await TestServer.start()
  const [lead, busy, worker] = [server.connect(), await server.agent('busy'), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const held = await claimOne(busy)
  const { first } = await waiting(worker)
  await busy.tasks.release(leaseOf(held))
  expect(await first).toBe(held.id)
})

test('a waiting claim is answered when a failed task is ready again', async () => {
  await using server = await TestServer.start()
  const [lead, busy, worker] = [server.connect(), await server.agent('busy'), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const held = await claimOne(busy)
  const { first } = await waiting(worker)
  await busy.tasks.fail({ ...leaseOf(held), error: 'no luck', nextRetryDelayMs: 2_000 })
  await server.advance(2_000)
  expect(await first).toBe(held.id)
})

test('a waiting claim is answered when a lease expires', async () => {
  await using server = await TestServer.start()
  const [lead, busy, worker] = [server.connect(), await server.agent('busy'), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const held = await claimOne(busy, { leaseMs: 5_000 })
  const { first } = await waiting(worker)
  await server.advance(5_000)
  expect(await first).toBe(held.id)
})

test('a waiting claim is answered when notBefore is reached', async () => {
  await using server = await TestServer.start()
  const { id } = await server.connect().tasks.create({ type: 'code', notBefore: '2026-01-01T00:00:05.000Z' })
  const { first } = await waiting(await server.agent('worker'))
  await server.advance(5_000)
  expect(await first).toBe(id)
})

test('a waiting claim returns nothing at the end of its time', async () => {
  await using server = await TestServer.start()
  const { claim } = await waiting(await server.agent('worker'))
  await server.advance(20_000)
  expect(await claim).toEqual({ tasks: [] })
})

test('waiters are served in their order, one for each task', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const waits: Awaited<ReturnType<typeof waiting>>[] = []
  for (const name of ['a', 'b', 'c']) waits.push(await waiting(await server.agent(name)))
  const ids: string[] = []
  for (let index = 0; index < 3; index += 1) ids.push((await lead.tasks.create({ type: 'code' })).id)
  expect(await Promise.all(waits.map(({ first }) => first))).toEqual(ids)
})

test('n tasks created together wake n waiters', async () => {
  await using server = await TestServer.start()
  const waits: Awaited<ReturnType<typeof waiting>>[] = []
  for (const name of ['a', 'b', 'c']) waits.push(await waiting(await server.agent(name)))
  const { tasks } = await server.connect().tasks.createMany({ tasks: [1, 2, 3].map(() => ({ type: 'code' })) })
  const got = await Promise.all(waits.map(({ first }) => first))
  expect(new Set(got)).toEqual(new Set(tasks.map(({ id }) => id)))
})

test('a task passes over waiters that may not take it', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const plain = await waiting(await server.agent('plain'))
  const able = await waiting(await server.agent('able', { capabilities: ['rust'] }))
  const rust = await lead.tasks.create({ type: 'code', requires: ['rust'] })
  expect(await able.first).toBe(rust.id)
  const any = await lead.tasks.create({ type: 'code' })
  expect(await plain.first).toBe(any.id)
})

test('a waiter that has left is passed over', async () => {
  await using server = await TestServer.start()
  const [left, staying] = [await server.agent('left'), await server.agent('staying')]
  const leaving = new AbortController()
  const gone = await waiting(left, { signal: leaving.signal })
  const { first } = await waiting(staying)
  leaving.abort()
  expect(await gone.claim).toEqual({ tasks: [] })
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect(await first).toBe(id)
})

test('a waiter that leaves just as a task comes does not keep it from the next', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  for (let round = 0; round < 20; round += 1) {
    const [left, staying] = [await server.agent(`left${round}`), await server.agent(`staying${round}`)]
    const leaving = new AbortController()
    const gone = await waiting(left, { signal: leaving.signal })
    const { claim } = await waiting(staying)
    const created = lead.tasks.create({ type: 'code' })
    leaving.abort()
    const { id } = await created
    const { tasks } = await gone.claim
    if (tasks.length > 0) await lead.tasks.create({ type: 'code' })
    else expect((await claim).tasks[0]?.id).toBe(id)
    await claim
  }
})

test('a waiter whose time ends during its notification leaves the task to the next', async () => {
  await using server = await TestServer.start()
  const hasty = await server.agent('hasty')
  const short = hasty.tasks.claim({ waitMs: 1_000 })
  await hasty.agents.heartbeat({})
  const { first } = await waiting(await server.agent('staying'))
  server.parts.store.onNotification(({ topic }) => {
    if (topic === 'tasks') server.clock.advance(1_000)
  })
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect(await short).toEqual({ tasks: [] })
  expect(await first).toBe(id)
})

test('a waiter that loses its socket passes its notification on', async () => {
  await using server = await TestServer.start()
  const [gone, staying] = [await server.agent('gone'), await server.agent('staying')]
  const lost = await waiting(gone)
  const rejected = lost.claim.catch((error: unknown) => error)
  const { first } = await waiting(staying)
  gone.close()
  await rejected
  const created = await server.connect().tasks.create({ type: 'code' })
  // The claim may have been committed before the server noticed that the waiter had left. Its lease
  // then expires.
  const holder = (await server.connect().tasks.get({ taskId: created.id })).claimedBy
  if (holder === gone.id) await server.advance(30_000)
  expect(await first).toBe(created.id)
})
