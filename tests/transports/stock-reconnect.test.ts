import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Hop } from './hop.ts'
import { Follower, refusedBy, stockClient } from './stock.ts'
import { Wire } from './wire.ts'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

test('a subscription whose socket was lost continues without a gap and without a repetition', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  await using client = stockClient(hop.url)
  const lead = server.connect()
  const follower = new Follower(client.api)
  await follower.positioned()
  for (let drops = 0; drops < 5; drops += 1) {
    await lead.tasks.create({ type: 'code' })
    await follower.reached(drops * 3 + 1)
    hop.refuse()
    hop.cut()
    await lead.tasks.create({ type: 'code' })
    await lead.tasks.create({ type: 'code' })
    hop.accept()
    await follower.reached(drops * 3 + 3)
  }
  expect(follower.events.map(({ data }) => data.seq)).toEqual(upTo(15))
})

test('a subscription that loses its socket before its first event misses nothing either', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  await using client = stockClient(hop.url)
  const follower = new Follower(client.api)
  await follower.positioned()
  hop.refuse()
  hop.cut()
  await server.connect().tasks.create({ type: 'code' })
  hop.accept()
  await follower.reached(1)
  expect(follower.events[0]?.data.seq).toBe(1)
})

test('sixty subscriptions are opened again by the one batch of a reconnect', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  await using client = stockClient(hop.url)
  const followers = upTo(60).map(() => new Follower(client.api))
  await Promise.all(followers.map((follower) => follower.positioned()))
  const lead = server.connect()
  for (let drops = 1; drops <= 3; drops += 1) {
    hop.cut()
    await lead.tasks.create({ type: 'code' })
    await Promise.all(followers.map((follower) => follower.reached(drops)))
  }
  for (const { events, error } of followers) {
    expect(error).toBeUndefined()
    expect(events.map(({ data }) => data.seq)).toEqual([1, 2, 3])
  }
})

test('connectionParams are requested again for each socket', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const { token } = await server.agent('worker', { role: 'tech-lead' })
  let asked = 0
  await using client = stockClient(hop.url, {
    connectionParams: () => {
      asked += 1
      return { token }
    },
  })
  const follower = new Follower(client.api)
  await follower.positioned()
  hop.cut()
  await server.connect().tasks.create({ type: 'code' })
  await follower.reached(1)
  expect(asked).toBe(2)
})

test('an open call on a lost socket is an error of the client, and took effect once', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  await using client = stockClient(hop.url)
  await client.api.system.info.query()
  const lost = hop.loseAnswers()
  const call = refusedBy(client.api.tasks.create.mutate({ type: 'code' }))
  await lost
  hop.cut()
  expect((await call).data).toBeUndefined()
  expect((await server.connect().tasks.list({})).tasks).toHaveLength(1)
})

test('a server that shuts down asks its sockets to move, and closes them with 1012', async () => {
  const server = await TestServer.start()
  using wire = await Wire.open(server.url)
  expect(await wire.answers()).toBe(true)
  await Promise.all([
    server[Symbol.asyncDispose](),
    expect(wire.next()).resolves.toEqual({ id: null, method: 'reconnect' }),
  ])
  expect(await wire.closed).toEqual({ code: 1012, reason: 'SHUTTING_DOWN' })
})

test('a draining server accepts no new socket', async () => {
  const server = await TestServer.start()
  using wire = await Wire.open(server.url)
  expect(await wire.answers()).toBe(true)
  const moving = wire.next()
  const stopping = server[Symbol.asyncDispose]()
  await moving
  await expect(Wire.open(server.url)).rejects.toThrow(/503|ECONNREFUSED|socket hang up|ECONNRESET/)
  await stopping
})

test('the reconnect notification moves the client to the next server without an error', async () => {
  const old = await TestServer.start()
  await using next = await TestServer.start()
  let target = old.url
  await using hop = await Hop.start(() => target)
  const errors: unknown[] = []
  await using client = stockClient(hop.url, { onClose: (cause) => errors.push(cause) })
  await client.api.tasks.create.mutate({ type: 'code', title: 'on the old one' })
  target = next.url
  const moved = new Promise<void>((resolve) => {
    hop.onConnection = resolve
  })
  const stopping = old[Symbol.asyncDispose]()
  await moved
  expect(await client.api.tasks.create.mutate({ type: 'code', title: 'on the next one' })).toMatchObject({
    status: 'pending',
  })
  await stopping
  expect((await next.connect().tasks.list({})).tasks.map(({ title }) => title)).toEqual(['on the next one'])
})

test('a subscription continues across a restart of the server on the same file without a gap', async () => {
  const first = await TestServer.start()
  let target = first.url
  await using hop = await Hop.start(() => target)
  await using client = stockClient(hop.url)
  const follower = new Follower(client.api)
  await follower.positioned()
  await first.connect().tasks.create({ type: 'code' })
  await follower.reached(1)
  await first.stop()
  await using second = await TestServer.start({ folder: first.folder })
  await second.connect().tasks.create({ type: 'code' })
  target = second.url
  await follower.reached(2)
  expect(follower.events.map(({ data }) => data.seq)).toEqual([1, 2])
})
