import { createClient } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { RestartingServer } from '../support/restarting.ts'
import { roundsOf } from '../support/rounds.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'
import { openStream, poll, rpc } from './events-client.ts'

const batch = 200
const rounds = roundsOf({ part: 3, full: 20, variable: 'TONY_EVENT_READERS_ROUNDS' })
const created = { name: 'task.created' }
const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

/** The ids that a reader got, in their order, and the cursor from which it continues. */
interface Reading {
  readonly ids: string[]
  cursor: string
}

/** Polls to the end of the feed, in pages of a size that divides no batch. */
async function pollToEnd(server: RestartingServer, reading: Reading): Promise<void> {
  for (;;) {
    const page = await poll(server, { ...created, cursor: reading.cursor, maxEvents: 37 })
    expect(page.truncated).toBe(false)
    reading.ids.push(...page.events.map(({ eventId }) => eventId))
    reading.cursor = page.cursor
    if (!page.hasMore) return
  }
}

/** Reads a stream from the last cursor until this number of events has come since the start. */
async function streamUntil(server: RestartingServer, reading: Reading, count: number): Promise<void> {
  using stream = await openStream(server, { ...created, cursor: reading.cursor })
  while (reading.ids.length < count) {
    const { method, params } = await stream.next()
    reading.cursor = String(params?.['cursor'])
    if (method === 'notifications/events/event') reading.ids.push(String(params?.['eventId']))
    else expect(params?.['truncated'] ?? false).toBe(false)
  }
}

test('readers by poll, stream and webhook get each event once, in order, over kills of the server', async () => {
  await using receiver = await WebhookReceiver.start()
  await using server = await RestartingServer.start({ MCP_WEBHOOK_CIDRS: '127.0.0.0/8' })
  const client = createClient({ url: server.url, deadlineMs: 100_000 })
  const subscription = { ...created, delivery: { url: receiver.url, secret }, ttlMs: null }
  expect((await rpc(server, 'events/subscribe', subscription)).error).toBeUndefined()
  const { cursor } = await poll(server, created)
  const [polled, streamed]: [Reading, Reading] = [
    { ids: [], cursor },
    { ids: [], cursor },
  ]
  for (let round = 1; round <= rounds; round += 1) {
    const tasks = upTo(batch).map(() => ({ type: 'code' }))
    const writes = [0, 1].map(() => client.tasks.createMany({ tasks, idempotencyKey: crypto.randomUUID() }))
    // The first deliveries are on their way when the server is killed.
    await receiver.until(receiver.received.length + 1)
    await server.restart(round % 3 === 0 ? 'SIGTERM' : 'SIGKILL')
    await Promise.all(writes)
    await pollToEnd(server, polled)
    await streamUntil(server, streamed, round * 2 * batch)
  }
  const delivered = () => [...new Set(receiver.received.map(({ headers }) => String(headers['webhook-id'])))]
  await expect.poll(() => delivered().length, { timeout: 100_000 }).toBe(rounds * 2 * batch)
  client.close()
  expect(new Set(polled.ids).size).toBe(rounds * 2 * batch)
  expect(streamed.ids).toEqual(polled.ids)
  // The order of the first delivery of each event is that of the feed.
  expect(delivered()).toEqual(polled.ids)
})
