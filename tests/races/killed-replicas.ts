import { type Client, createClient } from '@tony/mcp-client'
import { expect } from 'vitest'
import { poll, rpc } from '../bridge/events-client.ts'
import { upTo } from '../store/given.ts'
import { dice } from '../support/dice.ts'
import { RestartingReplicas } from '../support/restarting-replicas.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'
import { created, pollUntil, ReaderAccess, ReaderState, storeDeliveries, streamUntil } from './event-readers.ts'

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

export interface KillingOptions {
  readonly kills: number
  readonly batchesPerKill: number
  /** Tasks that are created together. */
  readonly batch: number
  readonly seed: number
  /** The form of the deliveries. One event in each body takes minutes for each 10,000 events. */
  readonly format: 'mcp' | 'batch'
}

/** Creates the webhook of a reader: by a subscription of MCP Events, or with many events a body. */
async function subscribe(access: ReaderAccess, lead: Client, format: 'mcp' | 'batch', url: string): Promise<void> {
  if (format === 'batch') {
    await lead.webhooks.create({ url, format, filter: { types: [created.name] } })
    return
  }
  const subscription = { ...created, delivery: { url, secret }, ttlMs: null }
  expect((await rpc(access.any, 'events/subscribe', subscription)).error).toBeUndefined()
}

/** Creates tasks in calls of at most 200 at the same time, each at any of the replicas. */
async function writeTasks(clients: readonly Client[], roll: (sides: number) => number, count: number): Promise<void> {
  const calls: Promise<unknown>[] = []
  for (let left = count; left > 0; left -= 200) {
    const tasks = upTo(Math.min(left, 200)).map(() => ({ type: 'code' }))
    const client = clients[roll(clients.length)]
    if (client) calls.push(client.tasks.createMany({ tasks, idempotencyKey: crypto.randomUUID() }))
  }
  await Promise.all(calls)
}

/**
 * Creates tasks on three replicas, of which one is killed and restarted at a time, while a reader
 * by poll, one by stream and one by webhook restart at random. Each must store the event of each
 * task once, in the order of the feed, and none may be told of a gap.
 */
export async function playKilledReplicas(options: KillingOptions): Promise<void> {
  const { kills, batchesPerKill, batch, seed, format } = options
  const roll = dice(seed)
  await using replicas = await RestartingReplicas.start(3, { MCP_WEBHOOK_CIDRS: '127.0.0.0/8' })
  const { servers } = replicas
  const access = new ReaderAccess(servers, roll)
  const clients = servers.map(({ url }) => createClient({ url, deadlineMs: 100_000 }))
  const [lead] = clients
  if (!lead) throw new Error('a client was expected')
  const { cursor } = await poll(access.any, created)
  const [polled, streamed, delivered] = [new ReaderState(cursor), new ReaderState(cursor), new ReaderState(cursor)]
  let receiver = await WebhookReceiver.start()
  const answer = storeDeliveries(delivered, roll, format === 'batch' ? 50 : batch * batchesPerKill)
  receiver.answer = answer
  await subscribe(access, lead, format, receiver.url)
  for (let round = 0; round < kills; round += 1) {
    const before = round * batchesPerKill * batch
    const streaming = streamUntil(streamed, access, before + batchesPerKill * batch)
    const killAt = roll(batchesPerKill)
    let killing: Promise<void> | undefined
    for (let index = 0; index < batchesPerKill; index += 1) {
      const writing = writeTasks(clients, roll, batch)
      if (index === killAt) killing = servers[roll(3)]?.restart('SIGKILL')
      await writing
      await pollUntil(polled, access, before + (index + 1) * batch)
    }
    if (roll(2) === 0) {
      const port = Number(new URL(receiver.url).port)
      await receiver[Symbol.asyncDispose]()
      receiver = await WebhookReceiver.start(port)
      receiver.answer = answer
    }
    await killing
    await streaming
    // The state has the part of them that the test needs.
    receiver.received.splice(0)
  }
  const total = kills * batchesPerKill * batch
  // The deliveries can be far behind on a busy machine. The test has the time limit.
  await expect.poll(() => delivered.tasks.length, { timeout: 7_200_000, interval: 200 }).toBe(total)
  for (const client of clients) client.close()
  await receiver[Symbol.asyncDispose]()
  const rows = await replicas.database.rows<{ id: string }>('select id from tasks')
  expect(polled.tasks.toSorted()).toEqual(rows.map(({ id }) => id).toSorted())
  expect(streamed.tasks).toEqual(polled.tasks)
  expect(delivered.tasks).toEqual(polled.tasks)
  expect([polled.gaps, streamed.gaps, delivered.gaps]).toEqual([[], [], []])
  // The readers did restart, or the test shows nothing.
  for (const { repeats } of [polled, streamed, delivered]) expect(repeats).toBeGreaterThan(0)
}
