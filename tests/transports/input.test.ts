import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { codeOf, type Reply, Wire } from './wire.ts'

/** Inputs as JSON text. Some of them cannot be JavaScript values. */
const hostile: readonly (readonly [string, string])[] = [
  ['the key __proto__', '{"type":"code","metadata":{"__proto__":{"role":"admin"}}}'],
  ['the key __proto__ at the top', '{"type":"code","__proto__":{"role":"admin"}}'],
  ['the key constructor', '{"type":"code","metadata":{"constructor":{"prototype":{"x":1}}}}'],
  ['the key prototype', '{"type":"code","metadata":{"prototype":1}}'],
  ['lists nested 40 deep', `{"type":"code","metadata":{"a":${'['.repeat(40)}${']'.repeat(40)}}}`],
  ['lists nested 100 000 deep', `{"type":"code","metadata":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`],
  ['objects nested 20 000 deep', `{"type":"code","metadata":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`],
  ['more than 10 000 elements', `{"type":"code","metadata":{"a":[${'1,'.repeat(10_001)}1]}}`],
  ['a NUL in text', '{"type":"code","title":"a\\u0000b"}'],
  ['a NUL in a key', '{"type":"code","metadata":{"a\\u0000":1}}'],
  ['a lone high surrogate', '{"type":"code","title":"\\ud800"}'],
  ['a lone low surrogate in a key', '{"type":"code","metadata":{"\\udc00":1}}'],
  ['an integer that is not safe', '{"type":"code","metadata":{"a":9007199254740993}}'],
  ['an integer that is not safe and negative', '{"type":"code","metadata":{"a":-9007199254740993}}'],
  ['a number that is infinite', '{"type":"code","metadata":{"a":1e400}}'],
  ['a number that is infinite and negative', '{"type":"code","metadata":{"a":-1e400}}'],
]

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server[Symbol.asyncDispose]())

const overSocket = async (path: string, method: string, input: string): Promise<Reply> => {
  using wire = await Wire.open(server.url)
  wire.send(`{"id":1,"method":"${method}","params":{"path":"${path}","input":${input}}}`)
  return await wire.of(1)
}

/** The refusal comes from the guard and not from a schema behind it. */
const unusable = { message: expect.stringContaining('the input cannot be used'), data: { code: 'INVALID_INPUT' } }

const post = (path: string, body: string) =>
  fetch(`${server.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })

describe.each(hostile)('%s', (_, input) => {
  test('is refused over WebSocket, in a call and in a subscription', async () => {
    expect(await overSocket('tasks.create', 'mutation', input)).toMatchObject({ error: unusable })
    expect(await overSocket('events.subscribe', 'subscription', input)).toMatchObject({ error: unusable })
  })

  test('is refused over tRPC, as a body, in a batch and in an address', async () => {
    const single = await post('/trpc/tasks.create', input)
    expect(single.status).toBe(400)
    expect(await single.json()).toMatchObject({ error: unusable })
    const batch = await post('/trpc/tasks.create?batch=1', `{"0":${input}}`)
    expect(await batch.json()).toMatchObject([{ error: unusable }])
    if (input.length < 8_000) {
      const asked = await fetch(`${server.url}/trpc/tasks.get?input=${encodeURIComponent(input)}`)
      expect(asked.status).toBe(400)
      expect(await asked.json()).toMatchObject({ error: unusable })
    }
  })

  test('is refused over REST', async () => {
    const reply = await post('/api/agents/register', input)
    expect(reply.status).toBe(400)
    expect(await reply.json()).toMatchObject({ error: unusable })
  })
})

test('refused inputs left no row behind, and no prototype was changed', async () => {
  const lead = server.connect()
  expect((await lead.tasks.list({})).tasks).toEqual([])
  expect(Object.hasOwn(Object.prototype, 'role')).toBe(false)
})

test('the largest and oddest permitted input is returned unchanged', async () => {
  const lead = server.connect()
  const metadata = {
    deep: JSON.parse(`${'['.repeat(29)}1${']'.repeat(29)}`),
    safe: Number.MAX_SAFE_INTEGER,
    small: 5e-324,
    text: '𝒳\u0001\u2028',
    toString: 'a word',
  }
  const { id } = await lead.tasks.create({ type: 'code', metadata })
  expect((await lead.tasks.get({ taskId: id })).metadata).toEqual(metadata)
})

test('a cursor beside the input of a subscription is checked like the input', async () => {
  using wire = await Wire.open(server.url)
  wire.send({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: {}, lastEventId: 'a\u0000' } })
  expect(codeOf(await wire.of(1))).toBe('INVALID_INPUT')
  wire.send({ id: 2, method: 'subscription', params: { path: 'events.subscribe', input: {}, lastEventId: { a: 1 } } })
  expect(codeOf(await wire.of(2))).toBe('INVALID_INPUT')
  wire.send({ id: 3, method: 'subscription', params: { path: 'events.subscribe', lastEventId: 'start' } })
  expect((await wire.of(3)).result?.type).toBe('started')
})
