import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'
import { counter, register, signal } from './agents.ts'

test('stopping waits for the running handlers, completes their tasks and takes nothing new', async () => {
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

test("an idle agent stops at once, without the rest of its claim's wait", async () => {
  await using server = await TestServer.start()
  const agent = await register(server, { clientInstanceId: 'instance of worker' })
  const loop = agent.work(() => undefined, { slots: 4 })
  await agent.client.system.info()
  await loop.stop()
  await agent.stop()
  expect((await server.connect().agents.get({ agent: 'worker' })).status).toBe('idle')
})

test('a task that arrives after the call of stop is released without a failure', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  let stop: () => void = () => undefined
  const handled: string[] = []
  const agent = await register(server, {
    // The reply has arrived and was not passed on yet; `stop()` is called in between.
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

test('an agent without a server stops at once', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const offline = counter(2)
  const agent = await register(server, { url: hop.url, onState: (state) => state === 'connecting' && offline.up() })
  agent.work(() => undefined, { onError: () => undefined })
  await agent.client.system.info()
  hop.refuse()
  hop.cut()
  await offline.reached
  await agent.stop()
})

test('work continues after a lost connection, and each task is done once', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const lead = server.connect()
  const agent = await register(server, { url: hop.url })
  const done: string[] = []
  const all = counter(20)
  agent.work(
    (task) => {
      done.push(task.id)
      if (done.length % 5 === 0) hop.cut()
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

test.each(['socket', 'http'] as const)(
  'stopping within a time ends soon after that time without a server too: %s',
  async (calls) => {
    await using server = await TestServer.start()
    await using hop = await Hop.start(server.url)
    await server.connect().tasks.create({ type: 'code' })
    const agent = await register(server, { url: hop.url, calls })
    const started = signal()
    agent.work(async (_, { signal: lost }) => {
      started.tell()
      if (!lost.aborted) await new Promise((resolve) => lost.addEventListener('abort', resolve))
    })
    await started.told
    hop.refuse()
    hop.cut()
    const began = performance.now()
    await agent.stop({ withinMs: 100 })
    expect(performance.now() - began).toBeLessThan(12_000)
  },
)
