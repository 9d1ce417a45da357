import type { FeedEvent, Subscription } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import { refusal, TestServer, take } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'

const overHttp = { calls: 'http', subscriptions: 'sse' } as const

/** Returns the next event that is not a checkpoint. The subscription stays open. */
const reader = (feed: Subscription<FeedEvent>) => {
  const iterator = feed[Symbol.asyncIterator]()
  return async (): Promise<number> => {
    for (;;) {
      const { value, done } = await iterator.next()
      if (done) throw new Error('the subscription ended')
      if (value.type !== 'checkpoint') return value.seq
    }
  }
}

const fill = (server: TestServer, tasks: number) =>
  server.connect().tasks.createMany({ tasks: Array.from({ length: tasks }, () => ({ type: 'code' })) })

test('a feed of server-sent events continues after each lost connection', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const feed = server.connect({ ...overHttp, url: hop.url }).events.subscribe({ cursor: 'start' })
  const next = reader(feed)
  const seen: number[] = []
  for (let drops = 0; drops < 5; drops += 1) {
    hop.refuse()
    hop.cut()
    await fill(server, 3)
    hop.accept()
    for (let count = 0; count < 3; count += 1) seen.push(await next())
  }
  expect(seen).toEqual(Array.from({ length: 15 }, (_, index) => index + 1))
  expect(feed.cursor?.split('.')[1]).toBe('15')
})

test('a stream without data is opened again', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const timeouts = { pingMs: 50, pongMs: 50 }
  const next = reader(server.connect({ ...overHttp, url: hop.url, timeouts }).events.subscribe({ cursor: 'start' }))
  await fill(server, 1)
  expect(await next()).toBe(1)
  const silent = hop.loseAnswers()
  await fill(server, 1)
  await silent
  hop.accept()
  expect(await next()).toBe(2)
})

test('a refusal is thrown by the loop, and leaving the loop ends the HTTP request', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const client = server.connect({ ...overHttp, url: hop.url })
  await expect(take(client.events.subscribe({ cursor: 'other.1' }), 1)).rejects.toMatchObject({ code: 'CURSOR_AHEAD' })
  await expect(take(client.messages.inbox({}), 1)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  await fill(server, 3)
  expect(await take(client.events.subscribe({ cursor: 'start' }), 2)).toHaveLength(2)
  const feed = client.events.subscribe({ cursor: 'start' })
  const all = take(feed, 1_000)
  client.close()
  expect(await all).toEqual([])
  expect(await take(client.events.subscribe({}), 1)).toEqual([])
})

test('an inbox over server-sent events delivers messages', async () => {
  await using server = await TestServer.start()
  const { token, id } = await server.agent('reader')
  const client = server.connect({ ...overHttp, token })
  const inbox = take(client.messages.inbox({}), 1)
  await server.connect().messages.send({ to: id, type: 'note', payload: { lines: 'a\nb\r\nc' } })
  const [mail] = await inbox
  expect(mail).toMatchObject({ payload: { lines: 'a\nb\r\nc' } })
  await client.messages.ack({ messageId: mail?.id ?? '', receipt: mail?.receipt ?? '' })
})

test('a feed outlives its token if there is a session', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key()
  const registered = await guarded.register(key)
  const client = guarded.server.connect({ ...overHttp, session: { ...registered, expiresInMs: 86_400_000 } })
  const next = reader(client.events.subscribe({ types: ['task.created'], cursor: 'start' }))
  await guarded.admin.tasks.create({ type: 'code' })
  const first = await next()
  guarded.server.clock.advance(700_000)
  await guarded.admin.tasks.create({ type: 'code' })
  expect(await next()).toBeGreaterThan(first)
  const without = guarded.server.connect({ ...overHttp, token: registered.token })
  expect(await refusal(take(without.events.subscribe({}), 1))).toMatchObject({ code: 'TOKEN_EXPIRED' })
})
