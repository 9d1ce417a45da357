/**
 * Measures the time until a replica reacts to a change at another one: a message from its send to
 * its delivery, a task from its creation to the waiting claim, an event to its subscriber. It
 * measures with and without notifications.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createClient } from '@tony/mcp-client'
import { readConfig } from '@tony/mcp-server/config'
import { startServer } from '@tony/mcp-server/server'
import { Cluster } from '../tests/support/postgres-cluster.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '300' }, quiet: { type: 'string', default: '30' } },
})

const found = await Cluster.start()
if (!found) throw new Error('there is no PostgreSQL')
await using cluster = found

const at = (sorted: readonly number[], share: number): string =>
  (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1)

/** Shared by both measurements, because the pepper of the database is in it. */
const folder = mkdtempSync(join(tmpdir(), 'tony-notifications-'))

async function measure(notify: 'on' | 'off', rounds: number): Promise<void> {
  const base = readConfig('dev', {
    MCP_PORT: '0',
    DATABASE_URL: `${cluster.url}/postgres`,
    LOG_LEVEL: 'error',
    MCP_NOTIFY: notify,
    MCP_DRAIN_MS: '0',
  })
  const config = { ...base, database: join(folder, 'notifications.db') }
  const [sendingReplica, receivingReplica] = [await startServer(config), await startServer(config)]
  const lead = createClient({ url: sendingReplica.url })
  const name = `reader ${notify}`
  const clientInstanceId = `the instance of ${name}`
  const { token } = await lead.agents.register({ name, type: 'implementation', clientInstanceId })
  const reader = createClient({ url: receivingReplica.url, token })
  const inbox = reader.messages.inbox({})[Symbol.asyncIterator]()
  const feed = createClient({ url: receivingReplica.url })
  const events = feed.events.subscribe({ types: ['task.created'] })[Symbol.asyncIterator]()
  await events.next()
  const latencies: Record<string, number[]> = { message: [], task: [], event: [] }
  const time = async (kind: string, startedAt: number, arrival: Promise<unknown>) => {
    await arrival
    latencies[kind]?.push(performance.now() - startedAt)
  }
  for (let round = 0; round < rounds; round += 1) {
    const delivery = inbox.next()
    let startedAt = performance.now()
    const sent = lead.messages.send({ to: name, type: 'notification', payload: round })
    await time('message', startedAt, delivery)
    await sent
    const { value: message } = await delivery
    await reader.messages.ack({ messageId: message.id, receipt: message.receipt })
    const claim = reader.tasks.claim({ waitMs: 30_000 })
    // By the time of this reply the claim is waiting, because it went first on the same socket.
    await reader.system.info()
    const event = events.next()
    startedAt = performance.now()
    const created = lead.tasks.create({ type: 'notification' })
    await Promise.all([time('task', startedAt, claim), time('event', startedAt, event)])
    await created
    const [task] = (await claim).tasks
    if (task) await reader.tasks.complete({ taskId: task.id, leaseToken: task.leaseToken })
  }
  for (const [kind, samples] of Object.entries(latencies)) {
    const sorted = samples.toSorted((a, b) => a - b)
    process.stdout.write(
      `notify ${notify.padEnd(4)} ${kind.padEnd(8)} p50 ${at(sorted, 0.5)} ms, p99 ${at(sorted, 0.99)} ms, longest ${at(sorted, 1)} ms (${sorted.length})\n`,
    )
  }
  for (const client of [lead, reader, feed]) client.close()
  for (const server of [sendingReplica, receivingReplica]) await server[Symbol.asyncDispose]()
}

await measure('on', Number(values.rounds))
await measure('off', Number(values.quiet))
rmSync(folder, { recursive: true, force: true })
