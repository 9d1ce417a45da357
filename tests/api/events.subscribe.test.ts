import { expect, test } from 'vitest'
import { refusal, TestServer, take } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'
import { reading, tamper } from './given.ts'

const many = (count: number, epic = 'x') => ({ tasks: Array.from({ length: count }, () => ({ type: 'code', epic })) })
/** Writes events with 48 kB of data each. */
async function writeLargeEvents({ parts: { store } }: TestServer, project: string, count: number) {
  const error = '漢'.repeat(16_000)
  for (let written = 0; written < count; written += 50)
    await store.transact({ project }, async (tx) => {
      for (let index = 0; index < 50; index += 1)
        tx.append({ type: 'task.failed', subject: null, actor: null, data: { error } })
    })
}

const seqsOf = (events: readonly { seq: number }[]) => events.map(({ seq }) => seq)
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, index) => index + from)

test('a subscription from the start gets all past and future events, each once and in order', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany(many(200))
  await lead.tasks.createMany(many(200))
  const next = reading(lead.events.subscribe({ cursor: 'start' }))
  expect(seqsOf(await next(400))).toEqual(upTo(400))
  await lead.tasks.createMany(many(3))
  expect(seqsOf(await next(3))).toEqual([401, 402, 403])
})

test('a subscription without a cursor gets a checkpoint and then only new events', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany(many(5))
  const next = reading(lead.events.subscribe({}))
  expect(await next(1)).toMatchObject([{ seq: 5, type: 'checkpoint', subject: null }])
  const { id } = await lead.tasks.create({ type: 'code' })
  expect(await next(1)).toMatchObject([{ seq: 6, type: 'task.created', subject: id }])
})

test('a subscription with a stored cursor continues after the last event that was read', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany(many(10))
  const feed = lead.events.subscribe({ cursor: 'start' })
  await take(feed, 4)
  const { cursor } = feed
  if (cursor === undefined) throw new Error('the subscription has no cursor')
  expect(seqsOf(await take(lead.events.subscribe({ cursor }), 6))).toEqual(upTo(6, 5))
})

test('a subscriber that joins during writes gets every event exactly once', async () => {
  await using server = await TestServer.start()
  const [lead, writer] = [server.connect(), server.connect()]
  const writing = Promise.all(upTo(300).map(() => writer.tasks.create({ type: 'code' })))
  const feeds = upTo(5).map(() => take(lead.events.subscribe({ cursor: 'start' }), 300))
  await writing
  for (const feed of await Promise.all(feeds)) expect(seqsOf(feed)).toEqual(upTo(300))
})

test('a subscription continues without a gap after its socket is lost', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const [lead, watcher] = [server.connect(), server.connect({ url: hop.url })]
  const next = reading(watcher.events.subscribe({ cursor: 'start' }))
  for (let round = 0; round < 3; round += 1) {
    await lead.tasks.createMany(many(5))
    expect(seqsOf(await next(5))).toEqual(upTo(5, round * 10 + 1))
    hop.cut()
    await lead.tasks.createMany(many(5))
    expect(seqsOf(await next(5))).toEqual(upTo(5, round * 10 + 6))
  }
})

test('a subscriber that loses its socket before its first event misses nothing', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const [lead, watcher] = [server.connect(), server.connect({ url: hop.url })]
  const next = reading(watcher.events.subscribe({}))
  await next(1)
  hop.cut()
  await lead.tasks.createMany(many(2))
  expect(seqsOf(await next(2))).toEqual([1, 2])
})

test('a cursor stays valid across a restart of the server', async () => {
  await using server = await TestServer.start()
  const before = server.connect()
  await before.tasks.createMany(many(3))
  const { cursor } = await before.events.list({ limit: 2 })
  await server.stop()
  await using again = await TestServer.start({ folder: server.folder, clock: server.clock })
  const lead = again.connect()
  await lead.tasks.create({ type: 'code' })
  expect(seqsOf(await take(lead.events.subscribe({ cursor }), 2))).toEqual([3, 4])
})

test('filters restrict a feed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const start = { cursor: 'start' }
  const task = await lead.tasks.create({ type: 'code', epic: 'login' })
  await lead.tasks.create({ type: 'code', epic: 'other' })
  await worker.tasks.claim()
  await lead.messages.send({ to: 'worker', type: 'n', payload: 1, taskId: task.id, threadId: 't' })
  await lead.tasks.cancel({ taskId: task.id })
  const seqs = async (filter: object, count: number) =>
    seqsOf(await take(lead.events.subscribe({ ...start, ...filter }), count))
  expect(await seqs({ types: ['task.created', 'task.cancelled'] }, 3)).toEqual([2, 3, 6])
  expect(await seqs({ taskId: task.id }, 4)).toEqual([2, 4, 5, 6])
  expect(await seqs({ agentId: worker.id }, 3)).toEqual([1, 4, 5])
  expect(await seqs({ epic: 'login' }, 3)).toEqual([2, 4, 6])
  expect(await seqs({ threadId: 't', types: ['message.sent'] }, 1)).toEqual([5])
})

test('another agent never gets the events of a message', async () => {
  await using server = await TestServer.start()
  const [lead, ann, eve] = [server.connect(), await server.agent('ann'), await server.agent('eve')]
  await server.agent('bob')
  const types = ['message.sent', 'plan.committed'] as const
  const [forEve, forAnn] = [eve, ann].map((who) =>
    take(who.events.subscribe({ cursor: 'start', types: [...types] }), 1),
  )
  await ann.messages.send({ to: 'bob', type: 'n', payload: 1 })
  const { planId } = await lead.plans.begin({ name: 'p' })
  await lead.plans.commit({ planId })
  expect(await forAnn).toMatchObject([{ type: 'message.sent' }])
  expect(await forEve).toMatchObject([{ type: 'plan.committed' }])
})

test('after 1 000 hidden events a checkpoint moves the cursor', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const feed = lead.events.subscribe({ cursor: 'start', epic: 'mine' })
  const next = reading(feed)
  for (let round = 0; round < 6; round += 1) await lead.tasks.createMany(many(200))
  const [checkpoint] = await next(1)
  expect(checkpoint).toMatchObject({ type: 'checkpoint', subject: null, actor: null })
  expect(checkpoint?.seq).toBeGreaterThanOrEqual(1_000)
  expect(feed.cursor?.endsWith(`.${checkpoint?.seq}`)).toBe(true)
  await lead.tasks.create({ type: 'code', epic: 'mine' })
  expect(await next(1)).toMatchObject([{ seq: 1_201, type: 'task.created' }])
})

test('15 s after a hidden event a checkpoint moves the cursor', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const next = reading(lead.events.subscribe({ epic: 'mine' }))
  await next(1)
  // This second feed on the same socket has seen the event, so the first one has seen it too.
  const witness = reading(lead.events.subscribe({ cursor: 'start' }))
  await lead.tasks.createMany(many(2))
  await witness(2)
  await server.advance(15_000)
  expect(await next(1)).toMatchObject([{ type: 'checkpoint', seq: 2 }])
})

test('further hidden events do not delay the checkpoint', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const next = reading(lead.events.subscribe({ epic: 'mine' }))
  await next(1)
  const witness = reading(lead.events.subscribe({ cursor: 'start' }))
  for (let round = 1; round <= 2; round += 1) {
    await lead.tasks.create({ type: 'code' })
    await witness(1)
    await server.advance(10_000)
  }
  expect(await next(1)).toMatchObject([{ type: 'checkpoint', seq: 2 }])
})

test('a cursor before the log is CURSOR_EXPIRED and one beyond its end CURSOR_AHEAD: the feed never skips events silently', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany(many(3))
  await lead.tasks.createMany(many(2))
  const { cursor } = await lead.events.list({ limit: 1 })
  const [epoch] = cursor.split('.')
  tamper(server, 'DELETE FROM event_pages WHERE last <= 3')
  const expired = await refusal(take(lead.events.subscribe({ cursor }), 1))
  expect(expired).toMatchObject({ code: 'CURSOR_EXPIRED', details: { earliest: `${epoch}.3` } })
  const ahead = await refusal(take(lead.events.subscribe({ cursor: `${epoch}.6` }), 1))
  expect(ahead).toMatchObject({ code: 'CURSOR_AHEAD', details: { cursor: `${epoch}.5` } })
  expect(await refusal(take(lead.events.subscribe({ cursor: 'other.1' }), 1))).toMatchObject({ code: 'CURSOR_AHEAD' })
  expect(await refusal(take(lead.events.subscribe({ cursor: '?' }), 1))).toMatchObject({ code: 'INVALID_INPUT' })
})

test('events of many bytes leave the memory before their number is reached, and are read from the log', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const project = (await lead.projects.list()).projects[0]?.id ?? ''
  const next = reading(lead.events.subscribe({}))
  // From here on the server keeps the events in memory.
  await next(1)
  await writeLargeEvents(server, project, 400)
  expect(seqsOf(await next(400))).toEqual(upTo(400))
  const feed = server.parts.feeds.feedOf(project)
  // One page of the log, and the rest of what is in memory.
  expect(seqsOf(await feed.eventsAfter(0, 100))).toEqual(upTo(21))
  expect(seqsOf(await feed.eventsAfter(395, 100))).toEqual(upTo(5, 396))
  tamper(server, 'DELETE FROM event_pages')
  expect(seqsOf(await feed.eventsAfter(395, 100))).toEqual(upTo(5, 396))
  await expect(feed.eventsAfter(0, 100)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
})
