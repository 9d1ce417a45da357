import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { clientFrame, closeCodeAfter, exchange, statusIn, tcp, upgradeRequest, Wire } from './wire.ts'

async function stillAnswers(server: TestServer): Promise<void> {
  using wire = await Wire.open(server.url)
  expect(await wire.answers()).toBe(true)
}

test.each(['localhost.example', '127.0.0.1.example', '-', 'a..b', 'example:65535'])(
  'a caller under the Host "%s", which names no loopback address, is no developer on this machine',
  async (host) => {
    await using server = await TestServer.start()
    using wire = await Wire.open(server.url, { headers: { host } })
    expect((await wire.call('tasks.list', 'query', {})).error?.data).toMatchObject({ code: 'UNAUTHENTICATED' })
    await stillAnswers(server)
  },
)

test('frames after an upgrade on another path are not read, and the upgrade is answered 404', async () => {
  await using server = await TestServer.start()
  const params = { path: 'tasks.create', input: { type: 'code' } }
  const call = clientFrame(1, JSON.stringify({ id: 1, method: 'mutation', params }))
  const answer = await exchange(server.url, Buffer.concat([Buffer.from(upgradeRequest({}, '/trpc')), call]))
  expect(statusIn(answer)).toBe(404)
  expect((await server.connect().tasks.list({})).tasks).toEqual([])
  await stillAnswers(server)
})

test.each(['/', '/wss', '/ws/', '/trpc/tasks.list', '//ws', '/%77s'])(
  'an upgrade on %s is refused with 404 before there is a socket',
  async (path) => {
    await using server = await TestServer.start()
    const answer = await exchange(server.url, upgradeRequest({}, path))
    expect(statusIn(answer)).toBe(404)
    expect(answer).not.toContain('Sec-WebSocket-Accept')
  },
)

test.each([
  'https://evil.example',
  'null',
  'http://localhost.evil.example',
  'http://evil.example:3456',
  'http://127.0.0.1.evil.example',
  'http://localhost@evil.example',
  'file://',
])('a page of the origin %s is refused', async (origin) => {
  await using server = await TestServer.start()
  expect(statusIn(await exchange(server.url, upgradeRequest({ Origin: origin })))).toBe(403)
})

test.each(['http://localhost:5173', 'http://127.0.0.1', 'https://[::1]:8443'])(
  'a page of the origin %s on this machine may connect',
  async (origin) => {
    await using server = await TestServer.start()
    using wire = await Wire.open(server.url, { headers: { origin } })
    expect((await wire.call('tasks.list', 'query', {})).result).toMatchObject({ data: { tasks: [] } })
  },
)

test('a caller with a foreign Host is not the developer', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url, { headers: { host: 'rebound.example' } })
  expect((await wire.call('tasks.list', 'query', {})).error?.data).toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await wire.answers()).toBe(true)
})

test('an invalid handshake is refused in HTTP', async () => {
  await using server = await TestServer.start()
  expect(statusIn(await exchange(server.url, upgradeRequest({ 'Sec-WebSocket-Key': 'short' })))).toBe(400)
  expect(statusIn(await exchange(server.url, upgradeRequest({ 'Sec-WebSocket-Version': '7' })))).toBe(400)
  const post = upgradeRequest().replace('GET', 'POST')
  expect(statusIn(await exchange(server.url, post))).toBe(405)
  await stillAnswers(server)
})

test('an upgrade to an unsupported protocol is ignored and the HTTP request answered', async () => {
  await using server = await TestServer.start()
  const request = upgradeRequest({ Upgrade: 'h2c' }, '/livez').replace(
    'Connection: Upgrade',
    'Connection: close, Upgrade',
  )
  expect(statusIn(await exchange(server.url, request))).toBe(200)
})

test('a client that resets its connection during the handshake ends no process', async () => {
  await using server = await TestServer.start()
  for (const cut of [10, 60, upgradeRequest().length]) {
    const socket = await tcp(server.url)
    socket.write(upgradeRequest().slice(0, cut))
    socket.resetAndDestroy()
  }
  await stillAnswers(server)
})

test('offered compression is not used', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url, { perMessageDeflate: true })
  expect(wire.ws.extensions).toBe('')
  expect(await wire.answers()).toBe(true)
})

test.each([
  ['text that is not UTF-8', clientFrame(1, Buffer.from([0xc3, 0x28])), 1007],
  ['a binary frame', clientFrame(2, Buffer.from('{}')), 1003],
  ['an unmasked frame', clientFrame(1, '{}', { masked: false }), 1002],
  ['an unknown opcode', clientFrame(3, '{}'), 1002],
  ['a reserved bit', clientFrame(1, '{}', { reserved: 4 }), 1002],
  ['a continuation without a start', clientFrame(0, '{}'), 1002],
  ['a ping in fragments', clientFrame(9, 'x', { fin: false }), 1002],
  ['a close frame of one byte', clientFrame(8, 'x'), 1002],
])('%s closes the socket with its code and has no other effect', async (_, bytes, code) => {
  await using server = await TestServer.start()
  expect(await closeCodeAfter(server.url, bytes)).toBe(code)
  await stillAnswers(server)
})

test('a frame larger than the limit closes its socket with 1009, one of the limit does not', async () => {
  await using server = await TestServer.start({ limits: { frameBytes: 4_096 } })
  using large = await Wire.open(server.url)
  large.send('x'.repeat(4_097))
  expect((await large.closed).code).toBe(1009)
  using fitting = await Wire.open(server.url)
  fitting.send(`"${'x'.repeat(4_094)}"`)
  expect((await fitting.of(null)).error?.data).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await fitting.answers()).toBe(true)
})

test('the announced length of a frame takes no memory', async () => {
  await using server = await TestServer.start()
  const header = Buffer.from([0x81, 0xff, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4])
  expect(await closeCodeAfter(server.url, header)).toBe(1009)
  await stillAnswers(server)
})
