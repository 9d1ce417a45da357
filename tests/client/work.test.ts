import { once } from 'node:events'
import { FinalError, TonyError } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { counter, register, signal } from './agents.ts'

test('the result of a handler completes its task, in order of creation', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await register(server)
  const { up, reached } = counter(5)
  const titles: (string | null)[] = []
  const loop = agent.work((task) => {
    titles.push(task.title)
    up()
    return { done: task.title }
  })
  for (const title of ['a', 'b', 'c', 'd', 'e']) await lead.tasks.create({ type: 'code', title })
  await reached
  await loop.stop()
  expect(titles).toEqual(['a', 'b', 'c', 'd', 'e'])
  const { tasks } = await lead.tasks.list({ status: 'completed' })
  expect(tasks.map(({ result }) => result)).toEqual(titles.map((title) => ({ done: title })))
  expect(tasks.every(({ claimedBy, attempt }) => claimedBy === agent.id && attempt === 1)).toBe(true)
  await agent.stop()
})

test('the next task comes with the completion of the previous one', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: Array.from({ length: 10 }, () => ({ type: 'code' })) })
  const calls: string[] = []
  const agent = await register(server, { onCall: ({ type, path }) => type === 'invoke' && calls.push(path) })
  const { up, reached } = counter(10)
  agent.work(() => up())
  await reached
  await agent.stop()
  expect((await lead.tasks.list({ status: 'completed' })).tasks).toHaveLength(10)
  expect(calls.filter((path) => path === 'tasks.next').length).toBeGreaterThanOrEqual(9)
  expect(calls.filter((path) => path === 'tasks.claim').length).toBeLessThanOrEqual(2)
})

test('no more handlers run at the same time than there are slots', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: Array.from({ length: 9 }, () => ({ type: 'code' })) })
  const agent = await register(server)
  const { up, reached } = counter(9)
  const open: (() => void)[] = []
  let running = 0
  let most = 0
  const third = signal()
  agent.work(
    async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise<void>((resolve) => {
        open.push(resolve)
        if (open.length === 3) third.tell()
        // Once three handlers have run at the same time, each further one ends an earlier one.
        if (open.length > 3 || most === 3) open.shift()?.()
      })
      running -= 1
      up()
    },
    { slots: 3 },
  )
  await third.told
  const drain = (async () => {
    while ((await lead.tasks.list({ status: 'completed' })).tasks.length < 9) open.shift()?.()
  })()
  await Promise.all([reached, drain])
  expect(most).toBe(3)
  await agent.stop()
})

test('an error of a handler fails the attempt, and a FinalError fails the task', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await register(server)
  const thrown = [new Error('for now'), new FinalError('for ever'), 'no Error at all', new Error('')]
  const failed = counter(thrown.length)
  const loop = agent.work((task) => {
    const { n } = task.metadata as { n: number }
    failed.up()
    throw thrown[n]
  })
  for (const n of thrown.keys()) await lead.tasks.create({ type: 'code', metadata: { n } })
  await failed.reached
  await loop.stop()
  const { tasks } = await lead.tasks.list({})
  expect(tasks.map(({ status, error, failures }) => [status, error, failures])).toEqual([
    ['pending', 'for now', 1],
    ['failed', 'for ever', 1],
    ['pending', 'no Error at all', 1],
    ['pending', 'failed without a message', 1],
  ])
  await agent.stop()
})

test('release returns the task to the queue without a failure, and no later line of the handler runs', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code', maxAttempts: 1 })
  const agent = await register(server)
  const errors: unknown[] = []
  const { up, reached } = counter(1)
  const work = async ({ attempt }: { readonly attempt: number }, release: () => Promise<never>) => {
    if (attempt === 1) await release()
    up()
    return attempt
  }
  const loop = agent.work((task, { release }) => work(task, release), { onError: (error) => errors.push(error) })
  await reached
  await loop.stop()
  const task = await lead.tasks.get({ taskId })
  expect(task).toMatchObject({ status: 'completed', result: 2, attempt: 2, failures: 0 })
  expect(errors).toEqual([])
  await agent.stop()
})

test('a heartbeat extends the leases of the running tasks', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await register(server)
  const [started, finish] = [signal(), signal()]
  const loop = agent.work(
    async () => {
      started.tell()
      await finish.told
    },
    { leaseMs: 5_000 },
  )
  const { id } = await lead.tasks.create({ type: 'code' })
  await started.told
  for (let beats = 0; beats < 4; beats += 1) {
    await server.advance(4_000)
    await agent.heartbeat()
  }
  finish.tell()
  await loop.stop()
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'completed', attempt: 1, failures: 0 })
  await agent.stop()
})

test('heartbeats are sent without a call of the program', async () => {
  await using server = await TestServer.start()
  const beats = counter(3)
  const agent = await register(server, {
    heartbeatMs: 5,
    onCall: ({ type, path }) => type === 'ok' && path === 'agents.heartbeat' && beats.up(),
  })
  await beats.reached
  await agent.stop()
})

test.each(['cancelled', 'expired'])(
  'a handler whose lease was %s is notified by its signal, and its result does not count',
  async (how) => {
    await using server = await TestServer.start()
    const lead = server.connect()
    const agent = await register(server)
    const [started, refused] = [signal(), signal<unknown>()]
    let aborted = false
    const loop = agent.work(
      async (_, { signal: lost }) => {
        started.tell()
        await once(lost, 'abort')
        aborted = true
        return 'too late'
      },
      { leaseMs: 5_000, onError: (error) => refused.tell(error) },
    )
    const { id } = await lead.tasks.create({ type: 'code', maxAttempts: 1 })
    await started.told
    if (how === 'cancelled') await lead.tasks.cancel({ taskId: id })
    else await server.advance(5_001)
    await agent.heartbeat()
    expect(await refused.told).toBeInstanceOf(TonyError)
    expect(aborted).toBe(true)
    await loop.stop()
    expect((await lead.tasks.get({ taskId: id })).result).toBeNull()
    await agent.stop()
  },
)

test('progress is reported under the lease, and refused for a lost one', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await register(server)
  const errors: unknown[] = []
  const done = signal()
  const loop = agent.work(
    async (task, { progress }) => {
      await progress({ percent: 40, details: { at: 'line 7' } })
      await lead.tasks.cancel({ taskId: task.id })
      await progress({ percent: 50 }).catch((error: unknown) => errors.push(error))
      done.tell()
    },
    { onError: () => undefined },
  )
  const { id } = await lead.tasks.create({ type: 'code' })
  await done.told
  await loop.stop()
  expect((await lead.tasks.get({ taskId: id })).progress).toMatchObject({ percent: 40, details: { at: 'line 7' } })
  expect(errors).toMatchObject([{ code: expect.stringMatching(/STALE_LEASE|ILLEGAL_TRANSITION/) }])
  await agent.stop()
})
