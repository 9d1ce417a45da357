import type { AppRouter } from '@tony/mcp-server/api/router'
import { createTRPCClient, httpBatchLink, httpLink } from '@trpc/client'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { TestServer } from '../support/server.ts'
import { Hop } from './hop.ts'
import { Follower, refusedBy, stockClient } from './stock.ts'

test('a query and a mutation of the stock client are answered', async () => {
  await using server = await TestServer.start()
  await using client = stockClient(server.url)
  const { id } = await client.api.tasks.create.mutate({ type: 'code', title: 'first' })
  expect(await client.api.tasks.get.query({ taskId: id })).toMatchObject({ title: 'first', status: 'pending' })
  expect(await client.api.system.info.query()).toMatchObject({ name: 'tony-mcp', mode: 'dev' })
})

test('an error of the stock client has our code and the fields that a program needs', async () => {
  await using server = await TestServer.start()
  await using client = stockClient(server.url)
  const absent = await refusedBy(client.api.tasks.get.query({ taskId: 'nothing' }))
  expect(absent.data).toMatchObject({ code: 'NOT_FOUND', httpStatus: 404, retryable: false, applied: 'no' })
  expect(absent.data?.requestId).toMatch(/^[0-9a-f-]{36}$/)
  const invalid = await refusedBy(client.api.tasks.list.query({ limit: 0 }))
  expect(invalid.data?.code).toBe('INVALID_INPUT')
  expect(invalid.data?.details).toMatchObject({ issues: [{ path: 'limit' }] })
  expect(invalid.shape?.code).toBe(-32_600)
})

test('connectionParams identify the stock client', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code' })
  await using client = stockClient(server.url, { connectionParams: () => ({ token: worker.token }) })
  const { tasks } = await client.api.tasks.claim.mutate({})
  expect(tasks).toMatchObject([{ id, claimedBy: worker.id }])
})

test('a stock client with a refused credential gets the reason by the close code of its socket', async () => {
  await using server = await TestServer.start()
  const { promise: closed, resolve } = Promise.withResolvers<number | undefined>()
  await using client = stockClient(server.url, {
    connectionParams: async () => ({ token: 'no token' }),
    onClose: (cause) => resolve(cause?.code),
  })
  const refused = refusedBy(client.api.tasks.list.query({}))
  expect(await closed).toBe(4401)
  expect((await refused).data).toBeUndefined()
})

test('connectionParams choose the project of the developer', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  await server.connect().projects.create({ name: 'other' })
  await server.connect().tasks.create({ type: 'code' })
  await using client = stockClient(server.url, { connectionParams: { project: 'other' } })
  expect(await client.api.tasks.list.query({})).toMatchObject({ tasks: [] })
})

test('a subscription returns each event with the id from which it resumes', async () => {
  await using server = await TestServer.start()
  await using client = stockClient(server.url)
  const follower = new Follower(client.api)
  await follower.positioned()
  await client.api.tasks.create.mutate({ type: 'code' })
  await client.api.tasks.create.mutate({ type: 'code' })
  await follower.reached(2)
  const [first, second] = follower.events
  expect(first?.data).toMatchObject({ seq: 1, type: 'task.created' })
  expect(second?.id.split('.')).toEqual([first?.id.split('.')[0], '2'])
})

test('a refused subscription has a reason and ends', async () => {
  await using server = await TestServer.start()
  await using client = stockClient(server.url)
  const follower = new Follower(client.api, { cursor: 'nonsense' })
  await expect(follower.reached(1)).rejects.toMatchObject({ data: { code: 'INVALID_INPUT' } })
})

test('a stopped subscription returns nothing more and frees its slot', async () => {
  await using server = await TestServer.start({ limits: { subscriptions: 1 } })
  await using client = stockClient(server.url)
  const first = new Follower(client.api)
  await first.positioned()
  const refused = new Follower(client.api)
  await expect(refused.reached(1)).rejects.toMatchObject({ data: { code: 'RATE_LIMITED' } })
  first.stop()
  const second = new Follower(client.api)
  await second.positioned()
  await client.api.tasks.create.mutate({ type: 'code' })
  await second.reached(1)
  expect(first.events).toEqual([])
})

test('calls that were queued before the socket opened are all sent with it', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  hop.refuse()
  await using client = stockClient(hop.url)
  const calls = Array.from({ length: 200 }, (_, index) =>
    client.api.tasks.create.mutate({ type: 'code', title: `${index}` }),
  )
  hop.accept()
  const titles = (await Promise.all(calls)).map(({ title }) => title)
  expect(titles).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`))
})

test('the client pings, gets a reply, and keeps its socket', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const { promise: threePongs, resolve } = Promise.withResolvers<void>()
  let pongs = 0
  class Listening extends WebSocket {
    constructor(url: string) {
      super(url)
      this.on('message', (data) => {
        if (data.toString() === 'PONG') pongs += 1
        if (pongs === 3) resolve()
      })
    }
  }
  await using client = stockClient(hop.url, {
    WebSocket: Listening as never,
    keepAlive: { enabled: true, intervalMs: 5, pongTimeoutMs: 5_000 },
  })
  await threePongs
  expect(await client.api.system.info.query()).toMatchObject({ name: 'tony-mcp' })
  expect(hop.connections).toBe(1)
})

test('the server pings a silent client, whose reply keeps it', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  let pinged: () => void = () => undefined
  class Listening extends WebSocket {
    constructor(url: string) {
      super(url)
      this.on('message', (data) => data.toString() === 'PING' && pinged())
    }
  }
  await using client = stockClient(hop.url, { WebSocket: Listening as never })
  const follower = new Follower(client.api)
  await follower.positioned()
  for (let rounds = 0; rounds < 3; rounds += 1) {
    const ping = new Promise<void>((resolve) => {
      pinged = resolve
    })
    server.clock.advance(30_000)
    await ping
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  }
  await server.connect().tasks.create({ type: 'code' })
  await follower.reached(1)
  expect(hop.connections).toBe(1)
})

test('the stock client gets the same replies over HTTP, single and in batches', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker', { role: 'tech-lead' })
  const headers = { authorization: `Bearer ${worker.token}` }
  for (const link of [httpLink, httpBatchLink]) {
    const client = createTRPCClient<AppRouter>({ links: [link<AppRouter>({ url: `${server.url}/trpc`, headers })] })
    const [made, info] = await Promise.all([client.tasks.create.mutate({ type: 'code' }), client.system.info.query()])
    expect(made).toMatchObject({ status: 'pending', createdBy: worker.id })
    expect(info.name).toBe('tony-mcp')
    const refused = await Promise.all([
      refusedBy(client.tasks.get.query({ taskId: 'x' })),
      refusedBy(client.tasks.list.query({ limit: 0 })),
    ])
    expect(refused.map(({ data }) => data?.code)).toEqual(['NOT_FOUND', 'INVALID_INPUT'])
    expect((await refusedBy(client.projects.create.mutate({ name: 'x' }))).data).toMatchObject({
      code: 'FORBIDDEN',
      httpStatus: 403,
    })
  }
})
