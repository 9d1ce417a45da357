import type { Client, FeedEvent, Subscription } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer, take } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'

const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index)

const seqs = (events: readonly FeedEvent[]): number[] =>
  events.filter(({ type }) => type !== 'checkpoint').map(({ seq }) => seq)

async function fill(lead: Client, events: number): Promise<void> {
  for (let made = 0; made < events; made += 200) {
    await lead.tasks.createMany({
      tasks: Array.from({ length: Math.min(200, events - made) }, () => ({ type: 'code' })),
    })
  }
}

/** Returns one item at a time and keeps the subscription open, which `take` would close. */
const reader = (feed: Subscription<FeedEvent>) => {
  const iterator = feed[Symbol.asyncIterator]()
  return async (): Promise<FeedEvent> => {
    const { value, done } = await iterator.next()
    if (done) throw new Error('the subscription ended')
    return value
  }
}

test('a subscription continues after each lost connection', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const lead = server.connect()
  const next = reader(server.connect({ url: hop.url }).events.subscribe({}))
  expect((await next()).type).toBe('checkpoint')
  const seen: FeedEvent[] = []
  for (let drops = 0; drops < 5; drops += 1) {
    hop.refuse()
    hop.cut()
    await fill(lead, 3)
    hop.accept()
    for (let count = 0; count < 3; count += 1) seen.push(await next())
  }
  expect(seqs(seen)).toEqual(upTo(15))
})

test('a subscription without a connection begins with the first one', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  await fill(server.connect(), 2)
  hop.refuse()
  const feed = take(server.connect({ url: hop.url }).events.subscribe({ cursor: 'start' }), 2)
  hop.accept()
  expect(seqs(await feed)).toEqual([1, 2])
})

test('the cursor is that of the last handed out event, and not of later received ones', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  await fill(client, 10)
  const feed = client.events.subscribe({ cursor: 'start' })
  expect(feed.cursor).toBeUndefined()
  const next = reader(feed)
  for (let count = 0; count < 3; count += 1) await next()
  expect(feed.cursor?.split('.')[1]).toBe('3')
  const rest = await take(client.events.subscribe(feed.cursor === undefined ? {} : { cursor: feed.cursor }), 7)
  expect(seqs(rest)).toEqual(upTo(7, 4))
})

test('an unread subscription is paused on the server and continues from its position', async () => {
  await using server = await TestServer.start({ limits: { subscriptions: 1 } })
  const lead = server.connect()
  await fill(lead, 12_000)
  const client = server.connect()
  const next = reader(client.events.subscribe({ cursor: 'start' }))
  const first = await next()
  // A paused subscription frees its slot on the server, so another one is accepted.
  for (;;) {
    const other = await take(client.events.subscribe({ cursor: 'start' }), 1).catch(
      (error: { code: string }) => error.code,
    )
    if (other !== 'RATE_LIMITED') break
  }
  const seen = [first]
  while (seen.length < 12_000) seen.push(await next())
  expect(seqs(seen)).toEqual(upTo(12_000))
})

test('a subscription that was paused when the connection was lost continues on the next one', async () => {
  await using server = await TestServer.start({ limits: { subscriptions: 1 } })
  await using hop = await Hop.start(server.url)
  await fill(server.connect(), 8_000)
  const states: string[] = []
  const client = server.connect({ url: hop.url, onState: (state) => states.push(state) })
  const next = reader(client.events.subscribe({ cursor: 'start' }))
  const seen = [await next()]
  for (;;) {
    const other = await take(client.events.subscribe({ cursor: 'start' }), 1).catch(
      (error: { code: string }) => error.code,
    )
    if (other !== 'RATE_LIMITED') break
  }
  hop.refuse()
  hop.cut()
  // The items are read without a connection: the buffered ones first, and the others after the
  // reconnect.
  const all = (async () => {
    while (seen.length < 8_000) {
      seen.push(await next())
      if (seen.length === 5_100) hop.accept()
    }
  })()
  for (let turns = 0; turns < 3; turns += 1) await (await fetch(`${server.url}/livez`)).text()
  hop.accept()
  await all
  expect(seqs(seen)).toEqual(upTo(8_000))
})

test('leaving the loop ends the subscription on the server', async () => {
  await using server = await TestServer.start({ limits: { subscriptions: 1 } })
  const client = server.connect()
  await fill(client, 1)
  for (let rounds = 0; rounds < 5; rounds += 1) {
    expect(seqs(await take(client.events.subscribe({ cursor: 'start' }), 1))).toEqual([1])
  }
})

test('a closed subscription hands out nothing more, also if a signal closes it', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  await fill(client, 10)
  const ending = new AbortController()
  const feed = client.events.subscribe({ cursor: 'start' }, { signal: ending.signal })
  const seen: FeedEvent[] = []
  for await (const event of feed) {
    seen.push(event)
    if (seen.length === 2) ending.abort()
  }
  expect(seqs(seen)).toEqual([1, 2])
  const never = client.events.subscribe({}, { signal: AbortSignal.abort() })
  expect(await take(never, 1)).toEqual([])
})

test('a refusal is thrown by the loop', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  await expect(take(client.events.subscribe({ cursor: 'nonsense' }), 1)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
  await expect(take(client.events.subscribe({ cursor: 'other.1' }), 1)).rejects.toMatchObject({ code: 'CURSOR_AHEAD' })
  await expect(take(client.messages.inbox({}), 1)).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('a subscription continues after its server has closed the socket of a slow consumer', async () => {
  await using server = await TestServer.start({ limits: { socketBufferBytes: 4_096 } })
  const lead = server.connect()
  const title = '漢'.repeat(1_000)
  for (let made = 0; made < 4_000; made += 200) {
    await lead.tasks.createMany({ tasks: Array.from({ length: 200 }, () => ({ type: 'code', title })) })
  }
  const next = reader(server.connect().events.subscribe({ cursor: 'start' }))
  const seen: FeedEvent[] = []
  while (seen.length < 4_000) {
    seen.push(await next())
    // The server's time limit for slow consumers passes again and again, at any speed of the test.
    if (seen.length % 200 === 0) server.clock.advance(10_001)
  }
  expect(seqs(seen)).toEqual(upTo(4_000))
})
