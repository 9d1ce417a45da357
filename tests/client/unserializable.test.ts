import { FinalError, TonyError, watch } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'
import { register, signal } from './agents.ts'

const half = `a${'🚀'.repeat(10_000)}`

test.each<[string, () => unknown]>([
  ['a list that is too long', () => Array.from({ length: 10_001 }, () => 1)],
  ['a text that is too large', () => 'x'.repeat(2_097_152)],
  ['a value that is not JSON', () => 1n],
])('a result that cannot be serialized fails the task, once: %s', async (_, handler) => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code', maxAttempts: 3 })
  const agent = await register(server)
  const loop = agent.work(handler)
  await expect.poll(async () => (await lead.tasks.get({ taskId })).status).toBe('failed')
  const { attempt, error } = await lead.tasks.get({ taskId })
  expect(attempt).toBe(1)
  expect(error).toContain('the result was rejected')
  await loop.stop()
  await agent.stop()
})

test.each<[string, string]>([
  ['that ends in the middle of a character', half],
  ['with a NUL character', 'a\0b'],
  ['without a message', ''],
])('an error %s fails the task', async (_, message) => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const agent = await register(server)
  agent.work(() => {
    throw new FinalError(message)
  })
  await expect.poll(async () => (await lead.tasks.get({ taskId })).status).toBe('failed')
  await agent.stop()
})

test('a reply that cannot be serialized is an error for the requester', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await register(server, { name: 'bob' })]
  bob.onMessage(() => undefined, { onRequest: () => Array.from({ length: 10_001 }, () => 1) })
  const answer = await ada.requests.route({ target: 'bob', method: 'list', timeoutMs: 20_000 })
  expect(answer).toMatchObject({ ok: false, error: { code: 'HANDLER_FAILED' } })
  await bob.stop()
})

test('an undefined idempotency key counts as absent: the client makes one with the time, and the call takes effect once', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const client = server.connect({ url: hop.url })
  await client.system.info()
  const lost = hop.loseAnswers()
  const made = client.tasks.create({ type: 'code', idempotencyKey: undefined })
  await lost
  hop.accept()
  hop.cut()
  await made
  expect((await server.connect().tasks.list({})).tasks).toHaveLength(1)
  const [key] = server.query<{ second: number }>('select second from idempotency_keys')
  expect(key?.second).toBeGreaterThan(0)
})

test.each(['socket', 'http'] as const)('a signal does not end a call that does not block: over %s', async (calls) => {
  await using server = await TestServer.start()
  const client = server.connect({ calls })
  await client.system.info()
  const behind = new AbortController()
  const made = client.tasks.create({ type: 'code' }, { signal: behind.signal })
  behind.abort()
  await expect(made).resolves.toMatchObject({ type: 'code' })
})

test('a watcher with a slow store saves its last position and not an earlier one', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  for (const title of ['a', 'b', 'c']) await lead.tasks.create({ type: 'code', title })
  const { told: free, tell: freed } = signal()
  const { told: third, tell: reached } = signal()
  let [saves, place]: [number, string | undefined] = [0, undefined]
  const store = {
    load: () => place,
    save: async (cursor: string) => {
      saves += 1
      if (saves === 1) await free
      place = cursor
    },
  }
  const watching = (async () => {
    for await (const { seq } of watch(lead, { types: ['task.created'] }, { store, from: 'start', saveEveryMs: 1 })) {
      // The first save has started and lasts while later events are handled.
      if (seq === 2) await expect.poll(() => saves).toBe(1)
      if (seq === 3) return reached()
    }
  })()
  await third
  // A save that did not wait for the first would have ended by the time of this reply.
  await lead.system.info()
  freed()
  await watching
  expect(place).toMatch(/\.2$/)
})

test('other refusals keep their own errors', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  const errors: unknown[] = []
  const agent = await register(server)
  const loop = agent.work(async (task) => lead.tasks.cancel({ taskId: task.id }), {
    onError: (error) => errors.push(error),
  })
  await expect.poll(() => errors.length).toBeGreaterThan(0)
  expect(errors[0]).toBeInstanceOf(TonyError)
  await loop.stop()
  await agent.stop()
})
