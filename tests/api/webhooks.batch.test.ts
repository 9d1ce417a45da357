import { expect, test } from 'vitest'
import { z } from 'zod'
import { upTo } from '../store/given.ts'
import { TestServer } from '../support/server.ts'
import { isSignedBy, type Received, WebhookReceiver } from '../support/webhook-receiver.ts'

const batched = { format: 'batch' as const, filter: { types: ['task.created' as const] } }
const batch = z.strictObject({
  type: z.literal('batch'),
  cursor: z.string(),
  events: z.array(z.object({ eventId: z.string(), cursor: z.string(), data: z.object({ seq: z.int() }) })).min(1),
})
const batchOf = ({ body }: Received) => batch.parse(body)
const eventsOf = (received: readonly Received[]) => received.flatMap((one) => batchOf(one).events)
const tasks = (count: number) => upTo(count).map((n) => ({ type: 'code', title: `task ${n}` }))

test('a webhook of the format batch gets up to 100 events in each body, signed and in order', async () => {
  await using server = await TestServer.start()
  await using receiver = await WebhookReceiver.start()
  const lead = server.connect()
  const { secret, webhookId } = await lead.webhooks.create({ url: receiver.url, ...batched })
  await lead.tasks.createMany({ tasks: tasks(150) })
  await receiver.until(2)
  const bodies = receiver.received.map(batchOf)
  expect(bodies.map(({ events }) => events.length)).toEqual([100, 50])
  for (const [index, { events, cursor }] of bodies.entries()) {
    const one = receiver.received[index]
    if (!one) throw new Error('a body was expected')
    expect(isSignedBy(secret, one)).toBe(true)
    expect(one.headers).toMatchObject({ 'x-tony-webhook-id': webhookId })
    expect(one.headers['webhook-id']).toBe(`${events[0]?.eventId}-${events.at(-1)?.data.seq}`)
    expect(cursor).toBe(events.at(-1)?.cursor)
  }
  const { events } = await lead.events.list({ types: ['task.created'], limit: 1_000 })
  expect(eventsOf(receiver.received).map(({ data }) => data.seq)).toEqual(events.map(({ seq }) => seq))
})

test('a body ends before its events are more than 256 KiB', async () => {
  await using server = await TestServer.start()
  await using receiver = await WebhookReceiver.start()
  const lead = server.connect()
  await lead.webhooks.create({ url: receiver.url, ...batched })
  await lead.tasks.createMany({ tasks: upTo(100).map(() => ({ type: 'code', title: '€'.repeat(1_000) })) })
  await receiver.until(2)
  const sizes = receiver.received.map((one) => batchOf(one).events.length)
  expect(sizes[0]).toBeGreaterThan(80)
  expect(sizes[0]).toBeLessThan(88)
  expect(sizes[0]).toBe(100 - (sizes[1] ?? 0))
})

test('an event that the endpoint refuses is a dead letter of its own, and the others of its batch are delivered', async () => {
  await using server = await TestServer.start()
  await using receiver = await WebhookReceiver.start()
  const lead = server.connect()
  const accepted: Received[] = []
  receiver.answer = (received) => {
    if (received.text.includes('"title":"task 30"')) return 500
    accepted.push(received)
    return 200
  }
  const { webhookId } = await lead.webhooks.create({ url: receiver.url, ...batched })
  await lead.tasks.createMany({ tasks: tasks(60) })
  const deadLetters = async () => {
    await server.advance(3_600_000)
    return (await lead.webhooks.list()).webhooks[0]?.deadLetters
  }
  await expect.poll(deadLetters, { interval: 20 }).toBe(1)
  await expect.poll(() => new Set(eventsOf(accepted).map(({ eventId }) => eventId)).size).toBe(59)
  const seqs = eventsOf(accepted).map(({ data }) => data.seq)
  expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
  const { deadLetters: letters } = await lead.webhooks.deliveries({ webhookId })
  expect(letters).toMatchObject([{ attempts: 12, lastError: 'http_5xx' }])
})
