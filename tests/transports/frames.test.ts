import { expect, test } from 'vitest'
import { onPostgres, TestServer } from '../support/server.ts'
import { codeOf, Wire } from './wire.ts'

test.each([
  ['text that is not JSON', 'no JSON'],
  ['an empty frame', ''],
  ['a number', '1'],
  ['null', 'null'],
  ['a message without id', '{"method":"query","params":{"path":"system.info"}}'],
  ['an id that is null', '{"id":null,"method":"query","params":{"path":"system.info"}}'],
  ['an id that is an object', '{"id":{},"method":"query","params":{"path":"system.info"}}'],
  ['an id that is infinite', '{"id":1e400,"method":"query","params":{"path":"system.info"}}'],
  ['brackets as deep as a frame is long', '['.repeat(500_000) + ']'.repeat(500_000)],
])('%s is answered with id null and a refusal, and the socket stays', async (_, text) => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  wire.send(text)
  const reply = await wire.next()
  expect(reply).toMatchObject({ id: null, error: { data: { code: 'INVALID_INPUT', httpStatus: 400, applied: 'no' } } })
  expect(await wire.answers()).toBe(true)
})

test.each([
  ['no method', { id: 1, params: { path: 'system.info' } }],
  ['an unknown method', { id: 1, method: 'delete', params: { path: 'system.info' } }],
  ['a method name that every object has', { id: 1, method: 'constructor', params: { path: 'system.info' } }],
  ['no params', { id: 1, method: 'query' }],
  ['params that are a list', { id: 1, method: 'query', params: ['system.info'] }],
  ['a path that is a number', { id: 1, method: 'query', params: { path: 7 } }],
])('%s is refused under its own id', async (_, message) => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  wire.send(message)
  expect(await wire.next()).toMatchObject({ id: 1, error: { data: { code: 'INVALID_INPUT' } } })
  expect(await wire.answers()).toBe(true)
})

test.each([
  '',
  'nothing.here',
  'tasks',
  'tasks.get.more',
  '__proto__',
  'constructor',
  'toString',
  'tasks.__proto__',
  'a'.repeat(100_000),
])('a path like %.20s has no procedure', async (path) => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  expect(codeOf(await wire.call(path, 'query', {}))).toBe('NOT_FOUND')
  expect(await wire.answers()).toBe(true)
})

test('a mutation cannot be called as a query, nor a subscription as a call', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  expect(codeOf(await wire.call('tasks.create', 'query', { type: 'code' }))).toBe('NOT_FOUND')
  expect(codeOf(await wire.call('events.subscribe', 'mutation', {}))).toBe('NOT_FOUND')
  wire.send({ id: 1, method: 'subscription', params: { path: 'tasks.list', input: {} } })
  expect(await wire.of(1)).toMatchObject({ error: { data: { code: 'NOT_FOUND' } } })
  expect((await wire.call('tasks.list', 'query', {})).result).toMatchObject({ data: { tasks: [] } })
})

test('ids are text or numbers and are returned unchanged, in the form of JSON-RPC if the call used it', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  for (const id of [0, -1, 1.5, 2 ** 53, '', 'a"b\u0000\ud800', '漢']) {
    wire.send({ id, method: 'query', params: { path: 'system.info' } })
    expect((await wire.next()).id).toBe(id)
  }
  wire.send({ id: 1, jsonrpc: '2.0', method: 'query', params: { path: 'system.info' } })
  expect(await wire.next()).toMatchObject({ id: 1, jsonrpc: '2.0' })
})

test('a batch is answered call by call, with its malformed ones', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  const info = { method: 'query', params: { path: 'system.info' } }
  wire.send([{ id: 1, ...info }, 7, { id: 2, ...info }, { id: 3, method: 'nothing' }])
  const replies = [await wire.next(), await wire.next(), await wire.next(), await wire.next()]
  const kinds = replies.map(({ id, error }) => `${id} ${error ? 'error' : 'data'}`).sort()
  expect(kinds).toEqual(['1 data', '2 data', '3 error', 'null error'])
})

test('an empty batch has no effect', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  wire.send([])
  expect(await wire.answers()).toBe(true)
})

test('after twenty malformed frames within ten seconds the socket is closed with 4400', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  for (let sent = 0; sent < 20; sent += 1) wire.send('no JSON')
  expect(await wire.answers()).toBe(true)
  server.clock.advance(10_001)
  for (let sent = 0; sent < 20; sent += 1) wire.send('no JSON')
  expect(await wire.answers()).toBe(true)
  wire.send('no JSON')
  expect((await wire.closed).code).toBe(4400)
})

test('a single frame full of malformed messages gets twenty replies and no more', async () => {
  await using server = await TestServer.start()
  using other = await Wire.open(server.url)
  using wire = await Wire.open(server.url)
  wire.send(`[${'1,'.repeat(500_000)}1]`)
  expect((await wire.closed).code).toBe(4400)
  // The last text is the error before the close.
  expect(wire.texts.length).toBeLessThanOrEqual(22)
  expect(await other.answers()).toBe(true)
})

// On PostgreSQL the calls of one frame are answered in the order in which they end.
test.skipIf(onPostgres)(
  'a frame with too many calls is refused call by call, and its other messages take effect',
  async () => {
    await using server = await TestServer.start({ limits: { frameCalls: 3 } })
    using wire = await Wire.open(server.url)
    const info = { method: 'query', params: { path: 'system.info' } }
    const frame = [1, 2, 3, 4].map((id) => ({ id, ...info }))
    wire.send(frame.slice(1))
    for (const id of [2, 3, 4]) expect(codeOf(await wire.of(id))).toBeUndefined()
    wire.send([...frame, { id: 9, method: 'subscription.stop' }, 7])
    const replies = [await wire.next(), await wire.next(), await wire.next(), await wire.next(), await wire.next()]
    expect(replies.map(({ id }) => id)).toEqual([1, 2, 3, 4, null])
    for (const { error } of replies) expect(error?.data).toMatchObject({ code: 'INVALID_INPUT', httpStatus: 400 })
    expect(await wire.answers()).toBe(true)
  },
)

test('twenty such frames within ten seconds close the socket with 4400', async () => {
  await using server = await TestServer.start({ limits: { frameCalls: 1 } })
  using wire = await Wire.open(server.url)
  const info = { method: 'query', params: { path: 'system.info' } }
  for (let sent = 0; sent <= 20; sent += 1)
    wire.send([
      { id: 1, ...info },
      { id: 2, ...info },
    ])
  expect((await wire.closed).code).toBe(4400)
})

test('PING is answered with PONG, and neither counts as malformed', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  for (let sent = 0; sent < 50; sent += 1) {
    wire.send('PING')
    expect(await wire.text()).toBe('PONG')
    wire.send('PONG')
  }
  expect(await wire.answers()).toBe(true)
})

test('a ping of the WebSocket protocol is answered with its own bytes', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  const answered = new Promise<string>((resolve) => wire.ws.once('pong', (data) => resolve(data.toString())))
  wire.ws.ping('are you there')
  expect(await answered).toBe('are you there')
})

test('stopping an unknown id, or one twice, has no effect', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  wire.send({ id: 5, method: 'subscription.stop' })
  wire.send({ id: '__proto__', method: 'subscription.stop' })
  expect(await wire.answers()).toBe(true)
})

test('a subscription under an id in use is refused, and after its end the id is free', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  const subscribe = { id: 1, method: 'subscription', params: { path: 'events.subscribe', input: {} } }
  wire.send(subscribe)
  expect((await wire.next()).result?.type).toBe('started')
  expect((await wire.next()).result?.data).toMatchObject({ data: { type: 'checkpoint' } })
  wire.send(subscribe)
  expect(await wire.next()).toMatchObject({
    id: 1,
    error: { message: 'Duplicate id 1', data: { code: 'INVALID_INPUT' } },
  })
  wire.send({ id: 1, method: 'subscription.stop' })
  expect((await wire.next()).result?.type).toBe('stopped')
  wire.send(subscribe)
  expect((await wire.next()).result?.type).toBe('started')
})
