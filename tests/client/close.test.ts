import { once } from 'node:events'
import { Agent, type CallRecord, createClient } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { refusal, TestServer, take } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'

/** Returns the number of open resources of this kind that keep the process alive. */
const held = (kind: string): number => process.getActiveResourcesInfo().filter((name) => name === kind).length

test('closing settles every call and every subscription', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const records: CallRecord[] = []
  const client = server.connect({ token: worker.token, onCall: (record) => records.push(record) })
  await client.system.info()
  const waiting = refusal(client.tasks.claim({ waitMs: 60_000 }))
  const feed = take(client.events.subscribe({}), 1_000)
  await client.system.info()
  client.close()
  expect(await waiting).toMatchObject({ code: 'CLIENT_CLOSED', applied: 'unknown' })
  expect((await feed).every(({ type }) => type === 'checkpoint')).toBe(true)
  expect(records.at(-1)).toMatchObject({ type: 'info', path: 'tasks.claim' })
  expect(await refusal(client.system.info())).toMatchObject({ code: 'CLIENT_CLOSED', applied: 'no' })
  expect(await take(client.events.subscribe({}), 1)).toEqual([])
})

test('a closed client leaves no timer behind, connected or not', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const before = held('Timeout')
  const connected = createClient({ url: hop.url })
  await connected.system.info()
  hop.refuse()
  const offline = createClient({ url: hop.url })
  const calls = [refusal(offline.system.info()), refusal(offline.tasks.create({ type: 'code' }))]
  connected.close()
  offline.close()
  for (const call of calls) expect(await call).toMatchObject({ code: 'CLIENT_CLOSED', applied: 'no' })
  // The server has handled the close once it answers a later HTTP request.
  while (held('Timeout') > before) await (await fetch(`${server.url}/livez`)).text()
})

test('a call that waits for its next attempt ends in the same iteration of the event loop as the client', async () => {
  await using server = await TestServer.start({ limits: { callsInFlight: 0 } })
  const client = server.connect()
  let settled = false
  const call = refusal(client.system.info()).finally(() => {
    settled = true
  })
  // This later call on the same socket is refused too, and its deadline leaves no time to repeat
  // it.
  expect(await refusal(client.system.info({}, { deadlineMs: 60 }))).toMatchObject({ code: 'RATE_LIMITED' })
  expect(settled).toBe(false)
  client.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(settled).toBe(true)
  expect(await call).toMatchObject({ code: 'CLIENT_CLOSED' })
})

test('a client whose server never answers the close is released all the same', async () => {
  const deaf = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(deaf, 'listening')
  const address = deaf.address()
  const connected = once(deaf, 'connection')
  await using hop = await Hop.start(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`)
  const client = createClient({ url: hop.url })
  const [socket] = await connected
  await once(socket, 'message')
  socket.pause()
  client.close()
  await hop.idle()
  socket.terminate()
  deaf.close()
})

test('a server with another protocol is disconnected and tried again', async () => {
  const other = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(other, 'listening')
  const address = other.address()
  const twice = new Promise<void>((resolve) => {
    let connections = 0
    other.on('connection', (socket) => {
      connections += 1
      socket.send('<html>')
      if (connections === 2) resolve()
    })
  })
  const client = createClient({ url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` })
  await twice
  client.close()
  other.close()
})

test('an ended credential closes the client for good, and every call gets the reason', async () => {
  await using server = await TestServer.start()
  const states: string[] = []
  const worker = await server.agent('worker')
  let closed: () => void = () => undefined
  const over = new Promise<void>((resolve) => {
    closed = resolve
  })
  const client = server.connect({
    token: worker.token,
    onState: (state) => {
      states.push(state)
      if (state === 'closed') closed()
    },
  })
  const feed = take(client.events.subscribe({ types: ['task.created'] }), 2).catch((error: unknown) => error)
  await client.system.info()
  const waiting = refusal(client.tasks.claim({ waitMs: 60_000 }))
  await client.system.info()
  await server.agent('worker')
  await over
  expect(await waiting).toMatchObject({ code: 'STALE_INCARNATION', applied: 'unknown' })
  expect(await feed).toMatchObject({ code: 'STALE_INCARNATION' })
  expect(await refusal(client.system.info())).toMatchObject({ code: 'STALE_INCARNATION', applied: 'no' })
  expect(states).toEqual(['connecting', 'open', 'closed'])
})

test('the work of a superseded agent is aborted, and its loops end', async () => {
  await using server = await TestServer.start()
  const secret = { clientInstanceId: 'the same secret as before' }
  const agent = await Agent.register({ url: server.url, name: 'worker', type: 'implementation', ...secret })
  const { promise: aborted, resolve } = Promise.withResolvers<string>()
  const { promise: started, resolve: start } = Promise.withResolvers<void>()
  const loop = agent.work(async (_, { signal }) => {
    start()
    await once(signal, 'abort')
    resolve('aborted')
  })
  await server.connect().tasks.create({ type: 'code' })
  await started
  await server.agent('worker', secret)
  expect(await aborted).toBe('aborted')
  await loop.stop()
  await agent.stop()
})

test('closing ends an exchange of tokens', async () => {
  const before = held('Timeout')
  // No server listens, so each of these clients is between two attempts most of the time.
  const clients = Array.from({ length: 20 }, () =>
    createClient({ url: 'http://127.0.0.1:9', session: { token: 'old', refreshToken: 'a', expiresInMs: 1 } }),
  )
  const calls = clients.map((client) => refusal(client.system.info()))
  // Each client has a timer of its token exchange in addition to the deadline of its call.
  while (held('Timeout') <= before + clients.length) await new Promise(setImmediate)
  for (const client of clients) client.close()
  for (const call of calls) expect(await call).toMatchObject({ code: 'CLIENT_CLOSED' })
  expect(held('Timeout')).toBeLessThanOrEqual(before)
})

test.each([
  'localhost:3456',
  'no address',
  'ws://127.0.0.1:3456',
  'http://127.0.0.1:99999',
  'http://127.0.0.1:9/#a',
  'http://127.0.0.1:9/?a=b',
  '',
])('an invalid address is refused at once: %j', async (url) => {
  expect(() => createClient({ url })).toThrow(/not the URL of a server: use http/)
  const registering = Agent.register({ url, name: 'worker', type: 'qa' })
  expect(await refusal(registering)).toMatchObject({ code: 'INVALID_INPUT', applied: 'no' })
})

test('an address may end in a slash', async () => {
  await using server = await TestServer.start()
  const agent = await Agent.register({ url: `${server.url}/`, name: 'worker', type: 'qa' })
  expect(await agent.client.auth.whoami()).toMatchObject({ name: 'worker' })
  await agent.stop()
})
