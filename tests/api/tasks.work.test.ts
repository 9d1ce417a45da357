import { expect, test } from 'vitest'
import { refusal, TestServer, take } from '../support/server.ts'
import { claimOne, leaseOf, reading } from './given.ts'

test('work delivers ready and new tasks, and ends with its subscriber', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const first = await lead.tasks.create({ type: 'code' })
  const next = reading(worker.tasks.work({ leaseMs: 60_000 }))
  const [task] = await next(1)
  expect(task).toMatchObject({ id: first.id, attempt: 1, leaseExpiresAt: '2026-01-01T00:01:00.000Z' })
  if (task) await worker.tasks.complete(leaseOf(task))
  const second = await lead.tasks.create({ type: 'code' })
  expect(await next(1)).toMatchObject([{ id: second.id }])
})

test('work holds at most as many unfinished tasks as it has slots', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.createMany({ tasks: Array.from({ length: 5 }, (_, index) => ({ type: `t${index}` })) })
  const next = reading(worker.tasks.work({ slots: 2 }))
  const [a, b] = await next(2)
  await worker.agents.heartbeat({ leases: a && b ? [leaseOf(a), leaseOf(b)] : [] })
  expect((await lead.tasks.list({ status: 'in_progress' })).tasks).toHaveLength(2)
  if (b) await worker.tasks.complete(leaseOf(b))
  expect(await next(1)).toMatchObject([{ type: 't2' }])
  if (a) await worker.tasks.release(leaseOf(a))
  expect(await next(1)).toMatchObject([{ id: a?.id, attempt: 2 }])
})

test.each([
  ['failed', async (server: TestServer) => void (await server.sweep())],
  ['expired', async (server: TestServer) => void (await server.advance(5_000))],
  [
    'was cancelled',
    async (server: TestServer, taskId: string) => void (await server.connect().tasks.cancel({ taskId })),
  ],
])('a lease that %s frees its slot', async (how, end) => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'first', maxAttempts: 1 })
  const next = reading(worker.tasks.work({ leaseMs: 5_000 }))
  const [task] = await next(1)
  await lead.tasks.create({ type: 'second' })
  if (task && how === 'failed') await worker.tasks.fail({ ...leaseOf(task), error: 'no luck' })
  await end(server, task?.id ?? '')
  expect(await next(1)).toMatchObject([{ type: 'second' }])
})

test('a subscription without a free slot leaves tasks to other waiters', async () => {
  await using server = await TestServer.start()
  const [lead, busy, idle] = [server.connect(), await server.agent('busy'), await server.agent('idle')]
  await lead.tasks.create({ type: 'first' })
  const next = reading(busy.tasks.work({ slots: 1 }))
  await next(1)
  const waiting = claimOne(idle, { waitMs: 20_000 })
  await idle.agents.heartbeat({})
  const second = await lead.tasks.create({ type: 'second' })
  expect((await waiting).id).toBe(second.id)
})

test('ten subscriptions share a hundred tasks, each task once', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const workers = await Promise.all(Array.from({ length: 10 }, (_, index) => server.agent(`w${index}`)))
  const feeds = workers.map((worker) => take(worker.tasks.work({ slots: 10 }), 10))
  await lead.tasks.createMany({ tasks: Array.from({ length: 100 }, () => ({ type: 'code' })) })
  const ids = (await Promise.all(feeds)).flat().map(({ id }) => id)
  expect(new Set(ids).size).toBe(100)
})

test('work needs a developer that is an agent, and 1 to 64 slots', async () => {
  await using server = await TestServer.start()
  const [worker, observer] = [await server.agent('worker'), await server.agent('watcher', { role: 'observer' })]
  expect(await refusal(take(observer.tasks.work({}), 1))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(take(server.connect().tasks.work({}), 1))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(take(worker.tasks.work({ slots: 65 }), 1))).toMatchObject({ code: 'INVALID_INPUT' })
})
