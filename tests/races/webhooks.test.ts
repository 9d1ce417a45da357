import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createClient } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { ManualClock } from '../support/clock.ts'
import { postgresServer } from '../support/postgres.ts'
import { Replicas } from '../support/replicas.ts'
import { RestartingReplicas } from '../support/restarting-replicas.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

const created = { types: ['task.created' as const] }
const leaseMs = 30_000

const idsOf = (receiver: WebhookReceiver) => receiver.received.map(({ headers }) => String(headers['webhook-id']))
const unique = (ids: readonly string[]) => [...new Set(ids)]
const seqOf = (id: string): number => Number(id.split('.').at(-1))
const inOrder = (ids: readonly string[]) => ids.toSorted((a, b) => seqOf(a) - seqOf(b))

/** Holds the reply to the first request. Later ones are accepted. */
function holdFirst(receiver: WebhookReceiver): Promise<ServerResponse> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>()
  receiver.answer = (_, response) => {
    receiver.answer = () => 200
    resolve(response)
    return undefined
  }
  return promise
}

describe.skipIf(postgresServer === undefined)('over replicas', () => {
  test('each event of a webhook is sent once and in order, whichever replica it is written at', async () => {
    await using replicas = await Replicas.start()
    const receivers = await Promise.all(upTo(3).map(() => WebhookReceiver.start()))
    const leads = [replicas.first.connect(), replicas.second.connect()]
    for (const { url } of receivers) await leads[0]?.webhooks.create({ url, filter: created })
    const create = (lead = leads[0]) => lead?.tasks.create({ type: 'code' })
    for (const _ of upTo(60)) await Promise.all([...leads, ...leads].map((lead) => create(lead)))
    for (const receiver of receivers) {
      await receiver.until(240)
      expect(unique(idsOf(receiver))).toHaveLength(240)
      expect(idsOf(receiver)).toEqual(inOrder(idsOf(receiver)))
      await receiver[Symbol.asyncDispose]()
    }
  })

  test('a sender whose lease has ended in a request sends no further event, and moves no position back', async () => {
    const clock = new ManualClock()
    await using replicas = await Replicas.start({ clock })
    await using receiver = await WebhookReceiver.start()
    const lead = replicas.first.connect()
    const held = holdFirst(receiver)
    await lead.webhooks.create({ url: receiver.url, filter: created })
    for (const _ of upTo(3)) await lead.tasks.create({ type: 'code' })
    const response = await held
    clock.advance(leaseMs + 1)
    for (const server of [replicas.first, replicas.second]) await server.sweep()
    // The other sender repeats the event of the open request, and goes on.
    await receiver.until(4)
    response.writeHead(200).end()
    await lead.tasks.create({ type: 'code' })
    await receiver.until(5)
    const ids = idsOf(receiver)
    expect(ids[1]).toBe(ids[0])
    expect(ids.slice(1)).toEqual(inOrder(unique(ids)))
    await expect
      .poll(async () => (await lead.webhooks.list()).webhooks)
      .toMatchObject([{ cursor: expect.stringMatching(new RegExp(`\\.${seqOf(ids[4] ?? '')}$`)), failures: 0 }])
    expect(ids).toHaveLength(5)
  })

  test('a webhook of a killed replica goes on when its lease has ended, and in order', {
    timeout: 300_000,
  }, async () => {
    await using replicas = await RestartingReplicas.start(2, { MCP_WEBHOOK_CIDRS: '127.0.0.0/8' })
    await using receiver = await WebhookReceiver.start()
    const [one, other] = replicas.servers
    if (!one || !other) throw new Error('two servers were expected')
    const lead = createClient({ url: one.url, deadlineMs: 100_000 })
    const held = holdFirst(receiver)
    await lead.webhooks.create({ url: receiver.url, filter: created })
    await lead.tasks.create({ type: 'code' })
    const response = await held
    const closed = once(response, 'close')
    await one.restart('SIGKILL')
    // Only the end of the sender closes the connection of the open request.
    if (!response.closed) await other.restart('SIGKILL')
    await closed
    const times = () =>
      replicas.database.rows<{ until: number; now: number }>(
        'select lease_until as until, (extract(epoch from clock_timestamp()) * 1000)::bigint as now from webhooks',
      )
    const [killed] = await times()
    await lead.tasks.create({ type: 'code' })
    await receiver.until(2)
    const [resumed] = await times()
    expect((killed?.until ?? 0) - (killed?.now ?? 0)).toBeLessThanOrEqual(leaseMs)
    expect(resumed?.now).toBeGreaterThanOrEqual(killed?.until ?? Number.POSITIVE_INFINITY)
    await receiver.until(3)
    lead.close()
    const [first, again, second] = idsOf(receiver)
    expect(again).toBe(first)
    expect(seqOf(second ?? '')).toBeGreaterThan(seqOf(first ?? ''))
  })
})
