import { once } from 'node:events'
import { createServer } from 'node:http'
import { Agent, type Delivery } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { onPostgres, refusal, TestServer } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'

const secret = 'a secret that is kept'

test('an agent registers and calls as itself', async () => {
  await using server = await TestServer.start()
  const agent = await Agent.register({
    url: server.url,
    name: 'worker',
    type: 'qa',
    capabilities: ['test'],
    metadata: { host: 'here' },
  })
  expect(agent).toMatchObject({ name: 'worker', role: 'tester', incarnation: 1 })
  const info = await agent.client.agents.get({ agent: agent.id })
  expect(info).toMatchObject({ id: agent.id, name: 'worker', capabilities: ['test'], metadata: { host: 'here' } })
  await agent.stop()
  expect(await refusal(agent.client.system.info())).toMatchObject({ code: 'CLIENT_CLOSED' })
})

test('a repeated registration with the same secret is the same agent, and with another secret it is refused at once', async () => {
  await using server = await TestServer.start()
  const options = { url: server.url, name: 'worker', type: 'implementation' }
  const first = await Agent.register({ ...options, clientInstanceId: secret })
  await first.stop()
  const second = await Agent.register({ ...options, clientInstanceId: secret })
  expect([second.id, second.incarnation]).toEqual([first.id, 2])
  expect(await refusal(Agent.register(options))).toMatchObject({ code: 'AGENT_NAME_TAKEN', applied: 'no' })
  expect(await refusal(Agent.register({ ...options, name: 'role:x' }))).toMatchObject({ code: 'INVALID_INPUT' })
  await second.stop()
})

test('an agent registers in the given project', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  await server.connect().projects.create({ name: 'other' })
  const agent = await Agent.register({ url: server.url, project: 'other', name: 'worker', type: 'qa' })
  expect((await server.connect().agents.list({})).agents).toEqual([])
  expect((await server.connect({ project: 'other' }).agents.list({})).agents).toMatchObject([{ id: agent.id }])
  await agent.stop()
  const nowhere = Agent.register({ url: server.url, project: 'nowhere', name: 'worker', type: 'qa' })
  expect(await refusal(nowhere)).toMatchObject({ code: 'NOT_FOUND' })
})

test('a registration is repeated while the server cannot be reached', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  hop.refuse()
  let attempts = 0
  const registering = Agent.register({ url: hop.url, name: 'worker', type: 'qa', clientInstanceId: secret })
  hop.onRefusal = () => {
    attempts += 1
    if (attempts === 3) hop.accept()
  }
  const agent = await registering
  expect(attempts).toBeGreaterThanOrEqual(3)
  expect(agent.incarnation).toBe(1)
  await agent.stop()
})

test('a registration is repeated while another program answers at the address', async () => {
  let answers = 0
  const proxyless = createServer((_, response) => {
    answers += 1
    response.writeHead(502).end('<html>Bad Gateway</html>')
  })
  proxyless.listen(0, '127.0.0.1')
  await once(proxyless, 'listening')
  const address = proxyless.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const registering = Agent.register({ url, name: 'worker', type: 'qa', registerWithinMs: 400 })
  expect(await refusal(registering)).toMatchObject({ code: 'DEADLINE_EXCEEDED', applied: 'unknown' })
  expect(answers).toBeGreaterThan(1)
  proxyless.close()
})

test('a registration whose reply was lost is repeated, and is the same agent', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const lost = hop.loseAnswers()
  const registering = Agent.register({ url: hop.url, name: 'worker', type: 'qa' })
  await lost
  hop.accept()
  hop.cut()
  const agent = await registering
  expect(agent.incarnation).toBe(2)
  expect((await server.connect().agents.list({})).agents).toHaveLength(1)
  await agent.stop()
})

/** Passes each message to the next caller that waits for one. */
function inbox(): { put: (message: Delivery) => void; next: () => Promise<Delivery> } {
  const [messages, waiting]: [Delivery[], ((message: Delivery) => void)[]] = [[], []]
  return {
    put: (message) => {
      const taker = waiting.shift()
      if (taker) taker(message)
      else messages.push(message)
    },
    next: async () => messages.shift() ?? new Promise((resolve) => waiting.push(resolve)),
  }
}

test('a message is acked when its handler returns and redelivered when it throws', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await Agent.register({ url: server.url, name: 'worker', type: 'implementation' })
  const { put, next } = inbox()
  const mail = agent.onMessage((message) => {
    put(message)
    if (message.attempt === 1 && message.payload === 'throw') throw new Error('not now')
  })
  await lead.messages.send({ to: 'worker', type: 'note', payload: 'keep' })
  const { id } = await lead.messages.send({ to: 'worker', type: 'note', payload: 'throw' })
  expect(await next()).toMatchObject({ payload: 'keep', attempt: 1 })
  expect(await next()).toMatchObject({ payload: 'throw', attempt: 1 })
  const nacked = lead.events.subscribe({ cursor: 'start', types: ['message.nacked'] })
  for await (const event of nacked) {
    expect(event).toMatchObject({ subject: id })
    break
  }
  await server.advance(60_000)
  expect(await next()).toMatchObject({ payload: 'throw', attempt: 2 })
  await mail.stop()
  const { events } = await lead.events.list({ types: ['message.acked'] })
  expect(events).toHaveLength(2)
  await agent.stop()
})

test('messages are handled in order, or with the given concurrency', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await Agent.register({ url: server.url, name: 'worker', type: 'implementation' })
  for (let n = 0; n < 6; n += 1) await lead.messages.send({ to: 'worker', type: 'note', payload: n })
  const { promise: three, resolve } = Promise.withResolvers<void>()
  const { promise: go, resolve: release } = Promise.withResolvers<void>()
  const handled: unknown[] = []
  let running = 0
  let most = 0
  const mail = agent.onMessage(
    async ({ payload }) => {
      handled.push(payload)
      running += 1
      most = Math.max(most, running)
      if (running === 3) resolve()
      await go
      running -= 1
    },
    { concurrency: 3 },
  )
  await three
  await agent.client.system.info()
  expect(handled).toEqual([0, 1, 2])
  release()
  for await (const { data } of lead.events.subscribe({ cursor: 'start', types: ['message.acked'] })) {
    expect(data).toBeDefined()
    if (handled.length === 6) break
  }
  expect(most).toBe(3)
  await mail.stop()
  await agent.stop()
})

test('a slow handler keeps its message', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { promise: told, resolve } = Promise.withResolvers<void>()
  const { promise: acked, resolve: done } = Promise.withResolvers<void>()
  const agent = await Agent.register({
    url: server.url,
    name: 'worker',
    type: 'implementation',
    onCall: ({ type, path }) => {
      if (type === 'ok' && path === 'messages.inProgress') resolve()
      if (type === 'ok' && path === 'messages.ack') done()
    },
  })
  const wrong: unknown[] = []
  const handled: unknown[] = []
  const handler = async ({ attempt }: Delivery) => {
    handled.push(attempt)
    await server.advance(900)
    await told
    await server.advance(900)
  }
  agent.onMessage(handler, { ackWaitMs: 1_000, onError: (error) => wrong.push(error) })
  await lead.messages.send({ to: 'worker', type: 'note', payload: 1 })
  await acked
  expect([handled, wrong]).toEqual([[1], []])
  expect((await lead.events.list({ types: ['message.returned'] })).events).toEqual([])
  await agent.stop()
})

// On PostgreSQL the server learns in time that the handler is at work, because a second of its
// clock takes longer.
test.skipIf(onPostgres)('an error outside a handler of messages is reported', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await Agent.register({ url: server.url, name: 'worker', type: 'implementation' })
  const { promise: told, resolve } = Promise.withResolvers<[unknown, Delivery | undefined]>()
  agent.onMessage(
    async () => {
      // The handler has taken too long, so the receipt is no longer current.
      await server.advance(1_001)
      await server.advance(60_000)
    },
    { ackWaitMs: 1_000, onError: (error, message) => resolve([error, message]) },
  )
  await lead.messages.send({ to: 'worker', type: 'note', payload: 1 })
  const [error, message] = await told
  expect(error).toMatchObject({ code: 'STALE_RECEIPT' })
  expect(message).toMatchObject({ payload: 1 })
  agent.client.close()
})

test('stopping waits for the running message and takes no other', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await Agent.register({ url: server.url, name: 'worker', type: 'implementation' })
  for (let n = 0; n < 3; n += 1) await lead.messages.send({ to: 'worker', type: 'note', payload: n })
  const { promise: started, resolve: start } = Promise.withResolvers<void>()
  const { promise: finish, resolve: release } = Promise.withResolvers<void>()
  const handled: unknown[] = []
  agent.onMessage(async ({ payload }) => {
    handled.push(payload)
    start()
    await finish
  })
  await started
  const stopping = agent.stop()
  await lead.system.info()
  release()
  await stopping
  expect(handled).toEqual([0])
  expect((await lead.events.list({ types: ['message.acked'] })).events).toHaveLength(1)
})
