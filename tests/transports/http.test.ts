import { once } from 'node:events'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { exchange, statusIn, tcp, Wire } from './wire.ts'

const json = { 'content-type': 'application/json' }

const request = (line: string, headers: Record<string, string> = {}, body = ''): string => {
  const all = { Host: '127.0.0.1', Connection: 'close', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

test('every reply forbids to guess its type and to store it', async () => {
  await using server = await TestServer.start()
  for (const path of [
    '/livez',
    '/readyz',
    '/health',
    '/metrics',
    '/nothing',
    '/trpc/system.info',
    '/trpc/nothing',
    '/api/agents/register',
  ]) {
    const { headers } = await fetch(`${server.url}${path}`)
    expect([path, headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual([
      path,
      'nosniff',
      'no-store',
    ])
  }
})

test('the probes reply, and an unknown path is 404', async () => {
  await using server = await TestServer.start()
  expect(await (await fetch(`${server.url}/livez`)).json()).toEqual({ status: 'ok' })
  expect(await (await fetch(`${server.url}/readyz`)).json()).toMatchObject({ status: 'ok' })
  expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('tony_calls_total')
  for (const path of ['/nothing', '/trpc', '/..%2f..%2fetc/passwd', '/__proto__']) {
    const reply = await fetch(`${server.url}${path}`)
    expect([path, reply.status]).toEqual([path, 404])
    expect(await reply.json()).toMatchObject({ error: { data: { code: 'NOT_FOUND', httpStatus: 404 } } })
  }
})

test('the root says what is there, without a credential and without data', async () => {
  await using server = await TestServer.start({ mode: 'serve' })
  const reply = await fetch(server.url)
  expect(reply.status).toBe(200)
  const { mode, paths } = JSON.parse(await reply.text())
  expect(mode).toBe('serve')
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/ws', '/mcp', '/metrics']))
  const posted = await fetch(server.url, { method: 'POST' })
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
})

test('an unknown procedure is 404, a wrong method 405, a body that is not JSON 400', async () => {
  await using server = await TestServer.start()
  const cases = [
    ['GET', '/trpc/tasks.nothing', undefined, 404, 'NOT_FOUND'],
    ['GET', '/trpc/__proto__', undefined, 404, 'NOT_FOUND'],
    ['GET', '/trpc/tasks.create', undefined, 405, 'METHOD_NOT_ALLOWED'],
    ['POST', '/trpc/tasks.list', '{}', 405, 'METHOD_NOT_ALLOWED'],
    ['PUT', '/trpc/tasks.create', '{}', 405, 'METHOD_NOT_ALLOWED'],
    ['POST', '/trpc/tasks.create', '{"type":', 400, 'INVALID_INPUT'],
    ['GET', '/trpc/tasks.get?input=%7B', undefined, 400, 'INVALID_INPUT'],
    ['GET', '/api/agents/register', undefined, 405, 'METHOD_NOT_ALLOWED'],
    ['DELETE', '/api/agents/register', undefined, 405, 'METHOD_NOT_ALLOWED'],
    ['POST', '/api/agents/register', '{"name":', 400, 'INVALID_INPUT'],
    ['POST', '/api/agents/register', '', 400, 'INVALID_INPUT'],
  ] as const
  for (const [method, path, body, status, code] of cases) {
    const reply = await fetch(`${server.url}${path}`, {
      method,
      headers: json,
      ...(body === undefined ? {} : { body }),
    })
    expect([method, path, reply.status]).toEqual([method, path, status])
    const { error } = JSON.parse(await reply.text())
    expect(error.data).toMatchObject({ code, httpStatus: status, retryable: false, applied: 'no' })
    expect(error.data.requestId).toMatch(/^[0-9a-f-]{36}$/)
  }
})

test.each(['/trpc/tasks.create', '/api/agents/register'])(
  'a body of %s without the content type of JSON is 415',
  async (path) => {
    await using server = await TestServer.start()
    const status = async (type: string) => {
      const body = '{"name":"worker","type":"qa"}'
      const reply = await fetch(`${server.url}${path}`, { method: 'POST', headers: { 'content-type': type }, body })
      const { error } = JSON.parse(await reply.text())
      return [reply.status, error?.data.code]
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])
      expect(await status(type)).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
    expect((await status('application/json; charset=utf-8'))[0]).not.toBe(415)
  },
)

test('REST names the method of a path', async () => {
  await using server = await TestServer.start()
  expect((await fetch(`${server.url}/api/agents/register`)).headers.get('allow')).toBe('POST')
})

test('an agent registers over REST and calls with its token over tRPC', async () => {
  await using server = await TestServer.start()
  const body = JSON.stringify({ name: 'worker', type: 'implementation' })
  const reply = await fetch(`${server.url}/api/agents/register`, { method: 'POST', headers: json, body })
  const { token, agentId } = JSON.parse(await reply.text())
  const authorization = `Bearer ${token}`
  const claim = await fetch(`${server.url}/trpc/tasks.claim`, {
    method: 'POST',
    headers: { ...json, authorization },
    body: '{}',
  })
  expect(await claim.json()).toEqual({ result: { data: { tasks: [] } } })
  const found = await fetch(`${server.url}/trpc/agents.get?input=${encodeURIComponent('{"agent":"worker"}')}`, {
    headers: { authorization },
  })
  expect(await found.json()).toMatchObject({ result: { data: { id: agentId } } })
})

test('a batch over HTTP has at most twenty calls', async () => {
  await using server = await TestServer.start()
  const batch = (size: number) =>
    fetch(`${server.url}/trpc/${Array(size).fill('system.info').join(',')}?batch=1&input=%7B%7D`)
  expect((await batch(20)).status).toBe(200)
  const refused = await batch(21)
  expect(refused.status).toBe(400)
  expect(JSON.stringify(await refused.json())).toContain('the batch has 21 calls, more than 20 (MCP_LIMIT_HTTP_BATCH)')
})

test.each(['/trpc/tasks.create', '/api/agents/register'])(
  'a body of %s above 256 KiB is refused with 413, and one of exactly that size is read',
  async (path) => {
    await using server = await TestServer.start()
    const limit = 262_144
    const post = (bytes: number) =>
      fetch(`${server.url}${path}`, { method: 'POST', headers: json, body: `{"type":"${'x'.repeat(bytes - 11)}"}` })
    expect((await post(limit)).status).toBe(400)
    for (const size of [limit + 1, 2 * limit]) {
      const reply = await post(size)
      expect(reply.status).toBe(413)
      expect(await reply.json()).toMatchObject({ error: { data: { code: 'PAYLOAD_TOO_LARGE', httpStatus: 413 } } })
    }
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  },
)

test.each(['/trpc/tasks.create', '/api/agents/register'])(
  'an endless body of %s is refused with 413 when it is too large',
  async (path) => {
    await using server = await TestServer.start()
    const socket = await tcp(server.url)
    const answered = once(socket, 'data')
    socket.write(request(`POST ${path}`, { ...json, 'transfer-encoding': 'chunked' }))
    for (let chunks = 0; chunks < 5; chunks += 1) socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`)
    const [answer] = await answered
    expect(statusIn(String(answer))).toBe(413)
    socket.destroy()
  },
)

test.each([
  ['garbage', '\x16\x03\x01\x02\x00\x01\x00\xff\xff', 400],
  ['a malformed request line', 'GET\r\n\r\n', 400],
  [
    'two lengths that differ',
    request('POST /api/agents/register', { 'content-length': '5', 'Content-Length': '6' }, '{}'),
    400,
  ],
  [
    'a length and chunks',
    request('POST /api/agents/register', { 'content-length': '5', 'transfer-encoding': 'chunked' }, '0\r\n\r\n'),
    400,
  ],
  ['a header of 20 kB', request('GET /livez', { 'x-long': 'x'.repeat(20_000) }), 431],
  ['a bare carriage return in a header', request('GET /livez', { 'x-split': 'a\rb' }), 400],
  ['a malformed address', request('GET //%5B/trpc/system.info'), 404],
])('%s gets an HTTP error and ends no process', async (_, bytes, status) => {
  await using server = await TestServer.start()
  expect(statusIn(await exchange(server.url, Buffer.from(bytes, 'latin1')))).toBe(status)
  using wire = await Wire.open(server.url)
  expect(await wire.answers()).toBe(true)
})

test('a head that is not complete within ten seconds is refused with 408', async () => {
  await using server = await TestServer.start()
  expect(statusIn(await exchange(server.url, 'GET /livez HTTP/1.1\r\nHost: 127'))).toBe(408)
})

test('HTTP requests that are never complete delay neither other callers nor the end of the server', async () => {
  const server = await TestServer.start()
  const slow = await Promise.all(Array.from({ length: 50 }, () => tcp(server.url)))
  slow.forEach((socket, index) => {
    socket.write(
      index % 2
        ? 'GET /livez HTTP/1.1\r\nHost: 127'
        : request('POST /api/agents/register', { ...json, 'content-length': '1000' }, '{'),
    )
  })
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  const closed = slow.map((socket) => once(socket, 'close'))
  await server[Symbol.asyncDispose]()
  await Promise.all(closed)
})

test('a caller that leaves during its blocking call leaves the queue', async () => {
  await using server = await TestServer.start()
  const [gone, waiting] = [await server.agent('gone'), await server.agent('waiting')]
  const leaving = new AbortController()
  const call = fetch(`${server.url}/trpc/tasks.claim`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${gone.token}` },
    body: '{"waitMs":60000}',
    signal: leaving.signal,
  }).catch(() => 'left')
  // The first connection waits for its turn once a later connection was answered.
  await (await fetch(`${server.url}/readyz`)).text()
  leaving.abort()
  expect(await call).toBe('left')
  const claimed = waiting.tasks.claim({ waitMs: 60_000 })
  await waiting.tasks.list({})
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect((await claimed).tasks).toMatchObject([{ id, claimedBy: waiting.id }])
})
