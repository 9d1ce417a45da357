import type { Client } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, rows } from './given.ts'

const locked = (client: Client, locks: string[], more: object = {}) =>
  client.tasks.create({ type: 'code', locks, ...more })

/** The client repeats a call with a conflict until its deadline. */
const soon = { deadlineMs: 200 }

const heldIn = (server: TestServer) =>
  rows<{ lock: string }>(server, 'select lock from locks order by lock').map(({ lock }) => lock)

describe('a claim', () => {
  test('takes the locks of its task, and releases them with the lease', async () => {
    await using server = await TestServer.start()
    const ada = await server.agent('ada')
    await locked(server.connect(), ['port:3456', 'file:src//auth/', 'port:3456'])
    const task = await claimOne(ada)
    expect(task.locks).toEqual(['file:src/auth', 'port:3456'])
    expect(heldIn(server)).toEqual(['file:src/auth', 'port:3456'])
    await ada.tasks.complete(leaseOf(task))
    expect(heldIn(server)).toEqual([])
  })

  test.each([
    ['port:3456', 'port:3456'],
    ['file:src', 'file:src/auth/login.ts'],
    ['file:src/auth/login.ts', 'file:src'],
    ['file:', 'file:src'],
    ['file:src', 'file:'],
    ['file:./a/b', 'file:a//b/'],
  ])('passes over a task that needs %s while %s is held', async (wanted, held) => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    await locked(lead, [held])
    const first = await claimOne(ada)
    const second = await locked(lead, ['key:free', wanted])
    expect((await bob.tasks.claim()).tasks).toEqual([])
    expect(heldIn(server)).toHaveLength(1)
    await ada.tasks.complete(leaseOf(first))
    expect((await claimOne(bob)).id).toBe(second.id)
  })

  test.each([
    ['port:3456', 'port:34567'],
    ['file:src/auth', 'file:src/auth2'],
    ['file:src/auth', 'file:src/auth-old/x'],
    ['file:src/a', 'file:src/b'],
    ['db:users', 'port:users'],
  ])('takes %s while %s is held', async (wanted, held) => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    await locked(lead, [held])
    await locked(lead, [wanted])
    expect((await ada.tasks.claim({ limit: 2 })).tasks).toHaveLength(2)
  })

  test('continues with a task that needs no lock, for any number of blocked tasks before it', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    for (let round = 0; round < 2; round += 1)
      await lead.tasks.createMany({ tasks: Array.from({ length: 100 }, () => ({ type: 'code', locks: ['db:users'] })) })
    const free = await lead.tasks.create({ type: 'code', priority: 'low' })
    await claimOne(ada)
    expect((await claimOne(bob)).id).toBe(free.id)
    expect(rows(server, 'select 1 from tasks where ready is not null')).toEqual([])
    expect(rows(server, "select 1 from tasks where parked_on = 'db:users'")).toHaveLength(199)
  })

  test('that waits finds a task behind more blocked ones than one transaction parks', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob, eve] = [
      server.connect(),
      await server.agent('ada'),
      await server.agent('bob'),
      await server.agent('eve'),
    ]
    await lead.tasks.createMany({ tasks: Array.from({ length: 150 }, () => ({ type: 'code', locks: ['db:users'] })) })
    const two = await lead.tasks.createMany({ tasks: [1, 2].map(() => ({ type: 'code', priority: 'low' as const })) })
    const done = await claimOne(ada)
    expect((await bob.tasks.next({ completed: leaseOf(await claimOne(bob)) })).tasks[0]?.id).toBe(two.tasks[1]?.id)
    const waiting = eve.tasks.claim({ waitMs: 20_000 })
    await eve.agents.heartbeat({})
    await ada.tasks.complete(leaseOf(done))
    expect((await waiting).tasks).toHaveLength(1)
  })

  test('keeps the order of the tasks that wait for a lock', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const order: string[] = []
    for (const priority of ['low', 'normal', 'critical', 'high', 'normal'] as const)
      await locked(lead, ['db:users'], { priority, title: priority })
    for (let round = 0; round < 5; round += 1) {
      const { tasks } = await ada.tasks.claim({ limit: 5 })
      expect(tasks).toHaveLength(1)
      for (const task of tasks) {
        order.push(task.title ?? '')
        await ada.tasks.complete(leaseOf(task))
      }
    }
    expect(order).toEqual(['critical', 'high', 'normal', 'normal', 'low'])
  })

  test('that is repeated with its key returns the lease that holds the locks', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    await locked(lead, ['db:users'])
    await locked(lead, ['db:users'])
    const first = await claimOne(ada, { idempotencyKey: 'k' })
    expect((await claimOne(ada, { idempotencyKey: 'k' })).id).toBe(first.id)
  })
})

describe('the locks of a lease are released when it', () => {
  const ends: Record<
    string,
    (given: { server: TestServer; ada: Client; task: Awaited<ReturnType<typeof claimOne>> }) => Promise<unknown>
  > = {
    completes: ({ ada, task }) => ada.tasks.complete(leaseOf(task)),
    fails: ({ ada, task }) => ada.tasks.fail({ ...leaseOf(task), error: 'no' }),
    'is released': ({ ada, task }) => ada.tasks.release(leaseOf(task)),
    'is cancelled': ({ server, task }) => server.connect().tasks.cancel({ taskId: task.id }),
    'runs out': ({ server }) => server.advance(30_000),
    'is not listed by two heartbeats': async ({ ada }) => {
      await ada.agents.heartbeat({})
      await ada.agents.heartbeat({})
    },
    'is taken over with its agent': ({ server }) => server.agent('ada'),
    'is left by an agent that unregisters': ({ ada }) => ada.agents.unregister({}),
  }

  test.each(Object.entries(ends))('%s', async (_, end) => {
    await using server = await TestServer.start()
    const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
    await locked(server.connect(), ['db:users'], { maxAttempts: 1 })
    const task = await claimOne(ada)
    await ada.tasks.lock({ ...leaseOf(task), locks: ['file:src'] })
    const next = await locked(server.connect(), ['file:src/a'], { priority: 'high' })
    const waiting = bob.tasks.claim({ waitMs: 60_000 })
    await bob.agents.heartbeat({})
    await end({ server, ada, task })
    expect((await waiting).tasks.map(({ id }) => id)).toEqual([next.id])
    expect(heldIn(server)).toEqual(['file:src/a'])
  })
})

describe('tasks.lock', () => {
  test('takes further locks under a lease, appends an event, and returns the held locks', async () => {
    await using server = await TestServer.start()
    const ada = await server.agent('ada')
    await locked(server.connect(), ['db:users'])
    const task = await claimOne(ada)
    const reply = await ada.tasks.lock({ ...leaseOf(task), locks: ['port:1', 'file:a/', 'port:1'] })
    expect(reply).toEqual({ taskId: task.id, locks: ['db:users', 'file:a', 'port:1'] })
    const { events } = await ada.events.list({ types: ['task.locked'] })
    expect(events).toMatchObject([
      { subject: task.id, data: { attempt: 1, agentId: ada.id, locks: ['port:1', 'file:a'] } },
    ])
  })

  test('for locks that the lease holds already changes nothing', async () => {
    await using server = await TestServer.start()
    const ada = await server.agent('ada')
    await locked(server.connect(), ['db:users'])
    const task = await claimOne(ada)
    for (let round = 0; round < 2; round += 1)
      expect((await ada.tasks.lock({ ...leaseOf(task), locks: ['db:users'] })).locks).toEqual(['db:users'])
    expect((await ada.events.list({ types: ['task.locked'] })).events).toEqual([])
  })

  test('is LOCK_CONFLICT with the holders, and takes none of the locks', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    await locked(lead, ['file:src/auth'])
    await lead.tasks.create({ type: 'code' })
    const held = await claimOne(ada)
    const task = await claimOne(bob)
    const refused = await refusal(bob.tasks.lock({ ...leaseOf(task), locks: ['port:1', 'file:src'] }, soon))
    expect(refused).toMatchObject({
      code: 'LOCK_CONFLICT',
      applied: 'no',
      details: { lock: 'file:src/auth', taskId: held.id, agentId: ada.id },
    })
    expect(heldIn(server)).toEqual(['file:src/auth'])
    await ada.tasks.complete(leaseOf(held))
    expect((await bob.tasks.lock({ ...leaseOf(task), locks: ['port:1', 'file:src'] })).locks).toHaveLength(2)
  })

  test('takes paths above and below those of its own lease', async () => {
    await using server = await TestServer.start()
    const ada = await server.agent('ada')
    await locked(server.connect(), ['file:src/auth'])
    const task = await claimOne(ada)
    const reply = await ada.tasks.lock({ ...leaseOf(task), locks: ['file:', 'file:src/auth/a'] })
    expect(reply.locks).toEqual(['file:', 'file:src/auth', 'file:src/auth/a'])
  })

  test('without the current lease is STALE_LEASE, and for an unknown task NOT_FOUND', async () => {
    await using server = await TestServer.start()
    const ada = await server.agent('ada')
    await server.connect().tasks.create({ type: 'code' })
    const task = await claimOne(ada)
    const bob = await server.agent('bob')
    expect(await refusal(bob.tasks.lock({ ...leaseOf(task), locks: ['a:b'] }))).toMatchObject({ code: 'STALE_LEASE' })
    server.clock.advance(30_000)
    expect(await refusal(ada.tasks.lock({ ...leaseOf(task), locks: ['a:b'] }))).toMatchObject({ code: 'STALE_LEASE' })
    const absent = { taskId: '01900000-0000-7000-8000-000000000000', leaseToken: 'x', locks: ['a:b'] }
    expect(await refusal(ada.tasks.lock(absent))).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('with a pool without a size, or with more than 256 locks, is INVALID_INPUT', async () => {
    await using server = await TestServer.start()
    const ada = await server.agent('ada')
    await server.connect().tasks.create({ type: 'code' })
    const lease = leaseOf(await claimOne(ada))
    const noPool = await refusal(ada.tasks.lock({ ...lease, locks: ['pool:gpu'] }))
    expect(noPool).toMatchObject({ code: 'INVALID_INPUT', details: { lock: 'pool:gpu' } })
    expect(noPool.message).toContain('projects.setPools')
    for (let part = 0; part < 8; part += 1)
      await ada.tasks.lock({ ...lease, locks: Array.from({ length: 32 }, (_, index) => `key:${part}-${index}`) })
    expect(await refusal(ada.tasks.lock({ ...lease, locks: ['key:x'] }))).toMatchObject({ code: 'INVALID_INPUT' })
    await ada.tasks.complete(lease)
    expect(heldIn(server)).toEqual([])
  })

  test.each(['nothing', 'Port:1', 'port:', 'file:a/../b', 'key:a\nb'])('with %j is INVALID_INPUT', async (lock) => {
    await using server = await TestServer.start()
    const ada = await server.agent('ada')
    await server.connect().tasks.create({ type: 'code' })
    const lease = leaseOf(await claimOne(ada))
    expect(await refusal(ada.tasks.lock({ ...lease, locks: [lock] }))).toMatchObject({ code: 'INVALID_INPUT' })
  })
})

describe('a task that waits for a lock', () => {
  test('is unparked by the sweep if no lease end has done so', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    await lead.tasks.createMany({ tasks: Array.from({ length: 30 }, () => ({ type: 'code', locks: ['db:users'] })) })
    const held = await claimOne(ada)
    expect((await bob.tasks.claim()).tasks).toEqual([])
    const parked = () => rows(server, 'select 1 from tasks where parked_on is not null').length
    expect(parked()).toBe(29)
    await ada.tasks.complete(leaseOf(held))
    expect(parked()).toBe(19)
    await server.advance(250)
    await server.advance(250)
    expect(parked()).toBe(0)
  })

  test('can be cancelled, and is not unparked after that', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    await locked(lead, ['db:users'])
    const waits = await locked(lead, ['db:users'])
    const held = await claimOne(ada)
    expect((await bob.tasks.claim()).tasks).toEqual([])
    await lead.tasks.cancel({ taskId: waits.id })
    await ada.tasks.complete(leaseOf(held))
    await server.advance(250)
    expect((await bob.tasks.claim()).tasks).toEqual([])
    expect((await lead.tasks.get({ taskId: waits.id })).status).toBe('cancelled')
  })

  test('is delivered to a subscription when the lock is free', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    await locked(lead, ['db:users'])
    const held = await claimOne(ada)
    const waits = await locked(lead, ['db:users'])
    const work = bob.tasks.work({ slots: 1 })[Symbol.asyncIterator]()
    const next = work.next()
    await bob.agents.heartbeat({})
    await ada.tasks.complete(leaseOf(held))
    expect((await next).value).toMatchObject({ id: waits.id })
    await work.return?.()
  })
})
