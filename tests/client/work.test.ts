import { once } from 'node:events'
import { Agent, type AgentOptions, FinalError, TonyError } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Proxy } from '../surfaces/proxy.ts'

const register = (server: TestServer, options: Partial<AgentOptions> = {}): Promise<Agent> =>
  Agent.register({ url: server.url, name: 'worker', type: 'implementation', ...options })

/** Something that happens once, awaited from elsewhere. */
function signal<T = void>(): { tell: (value: T) => void; told: Promise<T> } {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { tell: resolve, told: promise }
}

/** Counts up to a number. */
function counter(limit: number): { up: () => void; reached: Promise<void> } {
  const { tell, told } = signal()
  let count = 0
  return {
    up: () => {
      count += 1
      if (count === limit) tell()
    },
    reached: told,
  }
}

test('what a handler returns completes its task, in order of creation', async () => {
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

test('the task after the first comes with the completion of the one before', async () => {
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

test('no more handlers run at a time than there are slots', async () => {
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
        // Once three have run at a time, one makes way for the next.
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

test('what a handler throws fails the attempt, a FinalError the task', async () => {
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

test('a heartbeat extends the leases that are worked on', async () => {
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

test('heartbeats are sent by themselves', async () => {
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
  'a handler whose lease was %s is told by its signal, and its result does not count',
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

test('progress is noted under the lease, and of a lost one is refused', async () => {
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

test('stopping waits for the handlers that run, completes their tasks and takes nothing new', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })
  const agent = await register(server)
  const [started, finish] = [signal(), signal()]
  agent.work(async () => {
    started.tell()
    await finish.told
    return 'done'
  })
  await started.told
  let stopped = false
  const stopping = agent.stop().then(() => {
    stopped = true
  })
  await lead.system.info()
  expect(stopped).toBe(false)
  finish.tell()
  await stopping
  const { tasks } = await lead.tasks.list({})
  expect(tasks.map(({ status, result }) => [status, result])).toEqual([
    ['completed', 'done'],
    ['pending', null],
  ])
})

test('an idle agent stops at once, without waiting its claim out', async () => {
  await using server = await TestServer.start()
  const agent = await register(server)
  const loop = agent.work(() => undefined, { slots: 4 })
  await agent.client.system.info()
  await loop.stop()
  await agent.stop()
  expect((await server.connect().agents.get({ agent: 'worker' })).status).toBe('idle')
})

test('a task that arrives after stopping was asked for goes back without burning an attempt', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  let stop: () => void = () => undefined
  const handled: string[] = []
  const agent = await register(server, {
    // The answer is here, and has not been handed on: this is the moment stop() comes in between.
    onCall: ({ type, path }) => type === 'ok' && path === 'tasks.claim' && stop(),
  })
  const loop = agent.work((task) => handled.push(task.id))
  const stopped = new Promise<void>((resolve, reject) => {
    stop = () => void loop.stop().then(resolve, reject)
  })
  const { id } = await lead.tasks.create({ type: 'code' })
  await stopped
  expect(handled).toEqual([])
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'pending', failures: 0 })
  await agent.stop()
})

test('an agent whose server is gone stops at once', async () => {
  await using server = await TestServer.start()
  await using proxy = await Proxy.start(server.url)
  const offline = counter(2)
  const agent = await register(server, { url: proxy.url, onState: (state) => state === 'connecting' && offline.up() })
  agent.work(() => undefined, { onError: () => undefined })
  await agent.client.system.info()
  proxy.refuse()
  proxy.cut()
  await offline.reached
  await agent.stop()
})

test('work goes on after the connection was lost, and each task is done once', async () => {
  await using server = await TestServer.start()
  await using proxy = await Proxy.start(server.url)
  const lead = server.connect()
  const agent = await register(server, { url: proxy.url })
  const done: string[] = []
  const all = counter(20)
  agent.work(
    (task) => {
      done.push(task.id)
      if (done.length % 5 === 0) proxy.cut()
      all.up()
    },
    { slots: 2 },
  )
  await lead.tasks.createMany({ tasks: Array.from({ length: 20 }, () => ({ type: 'code' })) })
  await all.reached
  await agent.stop()
  const { tasks } = await lead.tasks.list({})
  expect(tasks.map(({ status, attempt }) => `${status} ${attempt}`)).toEqual(Array(20).fill('completed 1'))
  expect(new Set(done).size).toBe(20)
})
