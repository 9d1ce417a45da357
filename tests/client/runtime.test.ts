import { Agent, type CursorStore, type FeedEvent, RequestError, watch } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { refusal, TestServer, take } from '../support/server.ts'
import { register, signal } from './agents.ts'

/** Keeps the saved cursors, as a file would. */
function memory(): CursorStore & { saved: string[] } {
  const saved: string[] = []
  return { saved, load: () => saved.at(-1), save: (cursor) => void saved.push(cursor) }
}

const seqs = (events: readonly FeedEvent[]): number[] => events.map(({ seq }) => seq)

const fill = (server: TestServer, tasks: number) =>
  server.connect().tasks.createMany({ tasks: Array.from({ length: tasks }, () => ({ type: 'code' })) })

test('a watcher continues after its last handled event, in another process too', async () => {
  await using server = await TestServer.start()
  await fill(server, 10)
  const store = memory()
  const options = { store, from: 'start', saveEveryMs: 0 }
  // The loop was left during this event, so the event comes again.
  expect(seqs(await take(watch(server.connect(), {}, options), 4))).toEqual([1, 2, 3, 4])
  expect(seqs(await take(watch(server.connect(), {}, options), 7))).toEqual([4, 5, 6, 7, 8, 9, 10])
  expect(store.saved.at(-1)?.split('.')[1]).toBe('9')
})

test('a watcher gets no checkpoints, saves its last position at the end, and ends with its signal', async () => {
  await using server = await TestServer.start()
  await fill(server, 3)
  const store = memory()
  const ending = new AbortController()
  const agent = await register(server)
  const seen: FeedEvent[] = []
  for await (const event of agent.watch(
    { types: ['task.created'] },
    { store, from: 'start', saveEveryMs: 60_000, signal: ending.signal },
  )) {
    seen.push(event)
    if (seen.length === 3) ending.abort()
  }
  expect(seqs(seen)).toEqual([1, 2, 3])
  expect(store.saved).toHaveLength(1)
  expect(store.saved[0]?.split('.')[1]).toBe('3')
  await agent.stop()
})

test('an unknown cursor and a failed store are thrown by the loop', async () => {
  await using server = await TestServer.start()
  await fill(server, 3)
  const old: CursorStore = { load: () => 'other.1', save: () => undefined }
  expect(await refusal(take(watch(server.connect(), {}, { store: old }), 1))).toMatchObject({ code: 'CURSOR_AHEAD' })
  const full: CursorStore = {
    load: () => undefined,
    save: () => {
      throw new Error('no space')
    },
  }
  await expect(take(watch(server.connect(), {}, { store: full, from: 'start', saveEveryMs: 0 }), 2)).rejects.toThrow(
    'no space',
  )
})

test('an agent sends a request to another, and an error or a refusal has its code', async () => {
  await using server = await TestServer.start()
  const [asks, answers] = await Promise.all([
    register(server, { name: 'asks' }),
    register(server, { name: 'answers', capabilities: ['add'] }),
  ])
  const { tell, told } = signal<string>()
  answers.onMessage(
    ({ type, payload }) => {
      if (type !== 'request' || typeof payload !== 'object' || payload === null) return
      tell(String(Object.entries(payload).find(([key]) => key === 'requestId')?.[1]))
    },
    {
      onRequest: ({ params }) => {
        if (!Array.isArray(params)) throw new Error('add takes two numbers')
        return Number(params[0]) + Number(params[1])
      },
    },
  )
  expect(await asks.request('add', [2, 3])).toBe(5)
  const refused = await asks.request('add', 'two', { target: 'answers' }).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(RequestError)
  expect(refused).toMatchObject({ code: 'HANDLER_FAILED', message: 'add takes two numbers', agentId: answers.id })
  expect(await refusal(asks.request('subtract'))).toMatchObject({ code: 'NO_AGENTS_AVAILABLE' })
  const byHand = await register(server, { name: 'by hand', capabilities: ['mail'] })
  byHand.onMessage(async ({ payload }) => {
    const requestId = Object.entries(payload ?? {}).find(([key]) => key === 'requestId')?.[1]
    await byHand.reply(String(requestId), { result: 'by hand' })
  })
  expect(await asks.request('mail')).toBe('by hand')
  tell('')
  await told
  await Promise.all([asks.stop(), answers.stop(), byHand.stop()])
})

test('a handler is notified at once that its task was cancelled, without a heartbeat', async () => {
  await using server = await TestServer.start()
  const agent = await register(server, { heartbeatMs: 3_600_000 })
  const { tell, told } = signal<string>()
  const { tell: hear, told: heard } = signal()
  agent.work(async ({ id }, { signal: lost }) => {
    tell(id)
    lost.addEventListener('abort', () => hear())
    await heard
  })
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  await lead.tasks.cancel({ taskId: await told })
  await heard
  await agent.stop()
})

test('a call with a stale lease notifies the handler too', async () => {
  await using server = await TestServer.start()
  const agent = await register(server, { heartbeatMs: 3_600_000 })
  const { tell, told } = signal<boolean>()
  agent.work(async ({ id }, { signal: lost, progress }) => {
    server.execute(`update tasks set lease_token = 'other' where id = '${id}'`)
    await progress({ percent: 10 }).catch(() => undefined)
    tell(lost.aborted)
  })
  await server.connect().tasks.create({ type: 'code' })
  expect(await told).toBe(true)
  await agent.stop()
})

test('heartbeats report the handled work, its results and the resources of the process', async () => {
  await using server = await TestServer.start()
  const agent = await register(server, { heartbeatMs: 3_600_000, healthMs: 1 })
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })
  let handled = 0
  const { tell, told } = signal()
  const loop = agent.work(() => {
    handled += 1
    if (handled === 2) tell()
    if (handled === 1) throw new Error('once')
  })
  await told
  await loop.stop()
  await agent.heartbeat()
  const { samples } = await lead.health.history({ agent: 'worker' })
  expect(samples[0]).toMatchObject({ requestsHandled: 2, errorRate: 0.5 })
  expect(samples[0]?.cpuUsage).toBeGreaterThan(0)
  expect(samples[0]?.memoryUsage).toBeGreaterThan(10_000_000)
  await agent.stop()
  const silent = await register(server, { name: 'silent', healthMs: 0 })
  await silent.heartbeat()
  expect((await lead.health.history({ agent: 'silent' })).samples).toEqual([])
  await silent.stop()
})

test('an agent is notified once that it drains', async () => {
  await using server = await TestServer.start()
  let told = 0
  const onDraining = () => {
    told += 1
  }
  const agent = await register(server, { heartbeatMs: 3_600_000, onDraining })
  await agent.heartbeat()
  await server.connect().agents.drain({ agent: agent.id })
  await agent.heartbeat()
  await agent.heartbeat()
  expect(told).toBe(1)
  await agent.stop()
})

test('an agent that stops within a time notifies its handlers then, and its tasks are released without a failure', async () => {
  await using server = await TestServer.start()
  const agent = await register(server)
  const { tell, told } = signal<string>()
  const { tell: hear, told: heard } = signal()
  const errors: unknown[] = []
  agent.work(
    async ({ id }, { signal: lost }) => {
      tell(id)
      lost.addEventListener('abort', () => hear())
      await heard
    },
    { onError: (error) => errors.push(error) },
  )
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  const id = await told
  await agent.stop({ withinMs: 20 })
  await heard
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'pending', attempt: 1, failures: 0 })
  expect(errors).toEqual([])
})

test.each(['finishes', 'continues'])('SIGTERM drains a process and then ends it: a task that %s', async (what) => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code' })
  await using child = new Child('draining.ts', server.url, what)
  await child.says('working')
  child.terminate()
  const { signal: ended } = await child.end()
  expect(ended).toBe('SIGTERM')
  const { status, failures } = await lead.tasks.get({ taskId: id })
  expect([status, failures]).toEqual([what === 'finishes' ? 'completed' : 'pending', 0])
})

test('a registration with a handler of SIGTERM leaves no handler behind', async () => {
  await using server = await TestServer.start()
  const before = process.listenerCount('SIGTERM')
  const agent = await Agent.register({ url: server.url, name: 'a', type: 'qa', drainOnSigterm: true })
  expect(process.listenerCount('SIGTERM')).toBe(before + 1)
  await agent.stop()
  expect(process.listenerCount('SIGTERM')).toBe(before)
})
