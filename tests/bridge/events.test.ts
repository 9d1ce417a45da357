import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Guarded } from '../access/given.ts'
import { keeping } from '../api/kept.ts'
import { TestServer } from '../support/server.ts'
import { isSignedBy, WebhookReceiver } from '../support/webhook-receiver.ts'
import { openStream, poll, rpc } from './events-client.ts'

const created = { name: 'task.created' }

test('events/list has an event type for each type of the feed, and one for all of them', async () => {
  await using server = await TestServer.start()
  const { result } = await rpc(server, 'events/list', {})
  const types = z.array(z.looseObject({ name: z.string(), delivery: z.array(z.string()) })).parse(result?.['events'])
  expect(types.map(({ name }) => name)).toEqual(expect.arrayContaining(['project.event', 'task.completed']))
  expect(types[0]?.delivery).toEqual(['poll', 'push', 'webhook'])
})

describe('events/poll', () => {
  test('starts now, and then has each event once', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    await lead.tasks.create({ type: 'code' })
    const start = await poll(server, created)
    expect(start).toMatchObject({ events: [], truncated: false })
    await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }, { type: 'code' }] })
    const first = await poll(server, { ...created, cursor: start.cursor, maxEvents: 2 })
    expect(first).toMatchObject({ hasMore: true, events: [{ name: 'task.created' }, { name: 'task.created' }] })
    const second = await poll(server, { ...created, cursor: first.cursor })
    expect(second.events).toHaveLength(1)
    expect(second.hasMore).toBe(false)
    const ids = [...first.events, ...second.events].map(({ eventId }) => eventId)
    expect(new Set(ids).size).toBe(3)
  })

  test('is truncated exactly where retention has deleted the next event', async () => {
    await using server = await keeping({ events: { ms: 600_000, maxRows: 0 } })
    const lead = server.connect()
    const { cursor: before } = await poll(server, created)
    await lead.tasks.create({ type: 'code' })
    const { cursor: after } = await poll(server, created)
    await server.advance(660_000)
    await lead.tasks.create({ type: 'code' })
    expect(await poll(server, { ...created, cursor: after })).toMatchObject({ truncated: false })
    const cut = await poll(server, { ...created, cursor: before })
    expect(cut).toMatchObject({ truncated: true, events: [], hasMore: true })
    expect((await poll(server, { ...created, cursor: cut.cursor })).events).toHaveLength(1)
  })

  test.each([
    ['an unknown event type', { name: 'nothing' }, -32_011],
    ['an unknown argument', { ...created, arguments: { task: 1 } }, -32_602],
    ['a malformed cursor', { ...created, cursor: 'none' }, -32_602],
  ])('refuses %s', async (_, params, code) => {
    await using server = await TestServer.start()
    expect((await rpc(server, 'events/poll', params)).error).toMatchObject({ code })
  })
})

describe('events/stream', () => {
  test('confirms its start, sends each event once, and continues from the cursor of the last one', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    using stream = await openStream(server, created)
    const active = await stream.next()
    expect(active).toMatchObject({
      method: 'notifications/events/active',
      params: { truncated: false, _meta: { 'io.modelcontextprotocol/subscriptionId': 'stream 1' } },
    })
    await lead.tasks.create({ type: 'code', title: 'one' })
    const event = await stream.next()
    expect(event).toMatchObject({ method: 'notifications/events/event', params: { name: 'task.created' } })
    await lead.tasks.create({ type: 'code', title: 'two' })
    using again = await openStream(server, { ...created, cursor: event.params?.['cursor'] })
    await again.next()
    expect(await again.next()).toMatchObject({ params: { data: { data: { title: 'two' } } } })
  })

  test('sends its cursor while nothing happens', async () => {
    await using server = await TestServer.start()
    using stream = await openStream(server, created)
    const active = await stream.next()
    server.clock.advance(15_000)
    expect(await stream.next()).toMatchObject({
      method: 'notifications/events/heartbeat',
      params: { cursor: active.params?.['cursor'] },
    })
  })
})

describe('events/subscribe', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

  test('delivers occurrences to the webhook, and unsubscribe ends it', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const delivery = { mode: 'webhook', url: receiver.url, secret }
    const { result } = await rpc(server, 'events/subscribe', { ...created, delivery, ttlMs: 3_600_000 })
    expect(result).toMatchObject({ truncated: false, deliveryStatus: { active: true } })
    await server.connect().tasks.create({ type: 'code' })
    const [event] = await receiver.until(1)
    if (!event) throw new Error('an event was expected')
    expect(isSignedBy(secret, event)).toBe(true)
    expect(event.headers['x-mcp-subscription-id']).toBe(result?.['id'])
    expect(event.body).toMatchObject({ name: 'task.created', eventId: event.headers['webhook-id'] })
    const again = await rpc(server, 'events/subscribe', { ...created, delivery, ttlMs: null })
    expect(again.result).toMatchObject({ id: result?.['id'], refreshBefore: null })
    expect(
      (await rpc(server, 'events/unsubscribe', { ...created, delivery: { url: receiver.url } })).error,
    ).toBeUndefined()
    expect(
      (await rpc(server, 'events/unsubscribe', { ...created, delivery: { url: receiver.url } })).error,
    ).toMatchObject({ code: -32_011 })
  })

  test('refuses an endpoint that fails its challenge, with the reason', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    receiver.answerChallenge = () => 200
    const { error } = await rpc(server, 'events/subscribe', { ...created, delivery: { url: receiver.url, secret } })
    expect(error).toMatchObject({ code: -32_015, data: { reason: 'challenge_failed' } })
  })

  test('is forbidden for a key that may not create webhooks', async () => {
    await using guarded = await Guarded.start()
    const { key } = await guarded.key({ roleCeiling: 'developer', scopes: ['*'] })
    const delivery = { url: 'https://example.com/', secret }
    const { error } = await rpc(guarded.server, 'events/subscribe', { ...created, delivery }, key)
    expect(error).toMatchObject({ code: -32_012 })
    const { result } = await rpc(guarded.server, 'events/list', {}, key)
    expect(result).toMatchObject({
      events: expect.arrayContaining([expect.objectContaining({ delivery: ['poll', 'push'] })]),
    })
  })
})
