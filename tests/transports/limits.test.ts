import { once } from 'node:events'
import { expect, test } from 'vitest'
import { occupy } from '../api/given.ts'
import { onPostgres, TestServer } from '../support/server.ts'
import { clientFrame, codeOf, exchange, statusIn, tcp, upgradeRequest, Wire } from './wire.ts'

test('a socket that announced connectionParams and stays silent is closed with 4408', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url, { connectionParams: {} })
  expect(await wire.answers()).toBe(true)
  using silent = await Wire.open(server.url, { announced: true })
  server.clock.advance(5_001)
  expect((await silent.closed).code).toBe(4408)
  expect(await wire.answers()).toBe(true)
})

test('a first frame without connectionParams closes the socket', async () => {
  await using server = await TestServer.start()
  using text = await Wire.open(server.url, { announced: true })
  text.send({ id: 1, method: 'query', params: { path: 'system.info' } })
  expect((await text.closed).code).toBe(4400)
  using binary = await Wire.open(server.url, { announced: true })
  binary.ws.send(Buffer.from('{"method":"connectionParams","data":{}}'), { binary: true })
  expect((await binary.closed).code).toBe(1003)
})

// On PostgreSQL the calls are answered in the order in which they end.
test.skipIf(onPostgres)('frames that arrive during the authentication are answered in order', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url, { announced: true })
  wire.send({ method: 'connectionParams', data: {} })
  for (const id of [1, 2, 3]) wire.send({ id, method: 'query', params: { path: 'system.info' } })
  expect([(await wire.next()).id, (await wire.next()).id, (await wire.next()).id]).toEqual([1, 2, 3])
})

test.each([
  ['2,000 small frames', 1_048_576, Array.from({ length: 2_000 }, () => clientFrame(1, 'PONG'))],
  ['frames of many bytes', 4_096, Array.from({ length: 4 }, () => clientFrame(1, `"${'x'.repeat(4_000)}"`))],
])('a socket that sends %s before its authentication is refused with a reason', async (_, frameBytes, frames) => {
  await using server = await TestServer.start({ limits: { frameBytes } })
  const params = clientFrame(1, '{"method":"connectionParams","data":{}}')
  const request = upgradeRequest({}, '/ws?connectionParams=1')
  const socket = await tcp(server.url)
  socket.write(Buffer.concat([Buffer.from(request), params, ...frames]))
  let answer = ''
  for await (const chunk of socket) {
    answer += String(chunk)
    // The close frame ends with its reason.
    if (/RATE_LIMITED$/.test(answer)) break
  }
  expect(answer).toMatch(/"code":"RATE_LIMITED".*"retryAfterMs":1000/)
  expect(answer).toMatch(/RATE_LIMITED$/)
})

test('a caller that sends more than its limit before its authentication, but not at once, is answered', async () => {
  await using server = await TestServer.start({ limits: { frameBytes: 65_536 } })
  using wire = await Wire.open(server.url, { connectionParams: {} })
  for (let id = 0; id < 20; id += 1)
    wire.send({ id, method: 'query', params: { path: 'system.info', input: undefined, padding: 'x'.repeat(60_000) } })
  for (let id = 0; id < 20; id += 1) expect((await wire.of(id)).result?.type).toBe('data')
})

test('calls beyond the limit of open calls are refused one by one, and the socket stays', async () => {
  await using server = await TestServer.start({ limits: { callsInFlight: 4 } })
  const worker = await server.agent('worker')
  using wire = await Wire.open(server.url, { connectionParams: { token: worker.token } })
  const claim = (id: number) => ({ id, method: 'mutation', params: { path: 'tasks.claim', input: { waitMs: 60_000 } } })
  wire.send([1, 2, 3, 4, 5, 6].map(claim))
  for (const id of [5, 6]) {
    expect(await wire.next()).toMatchObject({
      id,
      error: { data: { code: 'RATE_LIMITED', httpStatus: 429, retryable: true, retryAfterMs: 100, applied: 'no' } },
    })
  }
  wire.send({ id: 1, method: 'subscription.stop' })
  expect(await wire.next()).toMatchObject({ id: 1, result: { data: { tasks: [] } } })
  expect(await wire.answers()).toBe(true)
})

const heartbeat = (id: number) => ({
  id,
  method: 'mutation',
  params: { path: 'agents.heartbeat', input: { leases: [] } },
})

test('a heartbeat is answered although as many other calls wait as the limit allows', async () => {
  await using server = await TestServer.start({ limits: { callsInFlight: 4 } })
  const worker = await server.agent('worker')
  using wire = await Wire.open(server.url, { connectionParams: { token: worker.token } })
  const claim = (id: number) => ({ id, method: 'mutation', params: { path: 'tasks.claim', input: { waitMs: 60_000 } } })
  wire.send([1, 2, 3, 4, 5].map(claim))
  expect(codeOf(await wire.of(5))).toBe('RATE_LIMITED')
  wire.send(heartbeat(6))
  expect((await wire.of(6)).result?.data).toMatchObject({ extended: [] })
})

test('heartbeats beyond 64 more than the limit are refused one by one', async () => {
  await using server = await TestServer.start({ limits: { callsInFlight: 4 } })
  const worker = await server.agent('worker')
  const project = (await server.connect().projects.list()).projects[0]?.id ?? ''
  using wire = await Wire.open(server.url, { connectionParams: { token: worker.token } })
  await using occupied = await occupy(server, project)
  wire.send(Array.from({ length: 70 }, (_, id) => heartbeat(id)))
  for (const id of [68, 69]) expect(codeOf(await wire.of(id))).toBe('RATE_LIMITED')
  await occupied.free()
  for (let id = 0; id < 68; id += 1) expect((await wire.next()).result?.data).toMatchObject({ lost: [] })
  expect(await wire.answers()).toBe(true)
})

test('subscriptions beyond the limit of a socket are refused, and calls continue', async () => {
  await using server = await TestServer.start({ limits: { subscriptions: 2 } })
  using wire = await Wire.open(server.url)
  for (const id of [1, 2, 3]) wire.send({ id, method: 'subscription', params: { path: 'events.subscribe', input: {} } })
  expect(codeOf(await wire.of(3))).toBe('RATE_LIMITED')
  expect(await wire.answers()).toBe(true)
  wire.send({ id: 1, method: 'subscription.stop' })
  for (;;) if ((await wire.of(1)).result?.type === 'stopped') break
  wire.send({ id: 3, method: 'subscription', params: { path: 'events.subscribe', input: {} } })
  expect((await wire.of(3)).result?.type).toBe('started')
})

test('sockets beyond the limit are refused with 503, and a closed socket frees its slot', async () => {
  await using server = await TestServer.start({ limits: { sockets: 2 } })
  using first = await Wire.open(server.url)
  using second = await Wire.open(server.url, { announced: true })
  expect(await first.answers()).toBe(true)
  expect(statusIn(await exchange(server.url, upgradeRequest()))).toBe(503)
  second.ws.close()
  await second.closed
  // The server has seen the close when it answers on another socket.
  expect(await first.answers()).toBe(true)
  using third = await Wire.open(server.url)
  expect(await third.answers()).toBe(true)
})

test('a silent socket is pinged, stays while it answers, and is ended when it does not', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  expect(await wire.answers()).toBe(true)
  server.clock.advance(30_000)
  expect(await wire.text()).toBe('PING')
  wire.send('PONG')
  expect(await wire.answers()).toBe(true)
  server.clock.advance(30_000)
  expect(await wire.text()).toBe('PING')
  server.clock.advance(10_000)
  // The server sends no close frame, because no client would read it.
  expect((await wire.closed).code).toBe(1006)
})

test('a socket that only sends pings of the WebSocket protocol is alive', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  expect(await wire.answers()).toBe(true)
  for (let rounds = 0; rounds < 5; rounds += 1) {
    server.clock.advance(20_000)
    const pong = once(wire.ws, 'pong')
    wire.ws.ping()
    await pong
  }
  expect(await wire.answers()).toBe(true)
})

test('the socket of a superseded incarnation is closed with 4401, and its token is refused from then on', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  using wire = await Wire.open(server.url, { connectionParams: { token: worker.token } })
  expect(codeOf(await wire.call('tasks.list', 'query', {}))).toBeUndefined()
  const next = await server.agent('worker')
  expect(next.incarnation).toBe(worker.incarnation + 1)
  expect(await wire.closed).toEqual({ code: 4401, reason: 'STALE_INCARNATION' })
  using again = await Wire.open(server.url, { connectionParams: { token: worker.token } })
  expect(codeOf(await again.of(null))).toBe('STALE_INCARNATION')
})

test('a socket is closed with 4401 once its token has expired, and a socket opened with such a token gets the reason', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  using wire = await Wire.open(server.url, { connectionParams: { token: worker.token } })
  expect(await wire.answers()).toBe(true)
  const unused = await server.connect().agents.register({ name: 'unused', type: 'qa' })
  server.clock.setWall(server.clock.wall() + 86_400_000 + 5_001)
  expect(codeOf(await wire.call('tasks.list', 'query', {}))).toBe('TOKEN_EXPIRED')
  server.clock.advance(5_000)
  expect(await wire.closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' })
  using late = await Wire.open(server.url, { connectionParams: { token: unused.token } })
  expect(codeOf(await late.of(null))).toBe('TOKEN_EXPIRED')
  expect(await late.closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' })
})

test('after a pause of the server no socket is ended without a ping', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 100, pongMs: 500 } })
  using wire = await Wire.open(server.url)
  expect(await wire.answers()).toBe(true)
  // The first check of the sockets runs only after both times have passed.
  server.clock.advance(1_000)
  expect(await wire.text()).toBe('PING')
  wire.send('PONG')
  expect(await wire.answers()).toBe(true)
})

test('a dead client gets no further task, so that another gets it', async () => {
  await using server = await TestServer.start()
  const [dead, alive] = [await server.agent('dead'), await server.agent('alive')]
  using wire = await Wire.open(server.url, { connectionParams: { token: dead.token } })
  wire.send({ id: 1, method: 'subscription', params: { path: 'tasks.work', input: { slots: 8 } } })
  expect((await wire.of(1)).result?.type).toBe('started')
  dead.close()
  server.clock.advance(40_000)
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect((await alive.tasks.claim({})).tasks).toMatchObject([{ id, attempt: 1 }])
})

test('an agent that unregisters over its own socket gets the reply before the socket is closed', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  using wire = await Wire.open(server.url, { connectionParams: { token: worker.token } })
  const reply = await wire.call('agents.unregister', 'mutation', {})
  expect(reply.result).toMatchObject({ data: { agentId: worker.id } })
  expect(await wire.closed).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' })
})
