/**
 * Measures the events per second that one webhook gets: `npm run bench:webhooks`. First the events
 * of a backlog, and then those of callers during the deliveries, of one commit each. The server is
 * a process of its own, and this process is the endpoint and the callers. `--format` is `standard`
 * or `batch`, `--delay` the time of the endpoint for a reply in milliseconds, `--events` the number
 * of events of each measure, and `--postgres` the engine.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Client, createClient } from '@tony/mcp-client'
import { Cluster } from '../tests/support/postgres-cluster.ts'
import { RestartingServer } from '../tests/support/restarting.ts'
import { WebhookReceiver } from '../tests/support/webhook-receiver.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '9600' },
    delay: { type: 'string', default: '0' },
    format: { type: 'string', default: 'standard' },
    postgres: { type: 'boolean', default: false },
  },
})
const [eventCount, delayMs] = [Number(values.events), Number(values.delay)]
const batch = 200
const callerCount = 32
const format = values.format === 'batch' ? 'batch' : 'standard'
const filter = { types: ['task.created' as const] }

/** An endpoint that replies after the delay and counts the events of its bodies. */
class Endpoint implements AsyncDisposable {
  readonly #receiver: WebhookReceiver
  count = 0

  private constructor(receiver: WebhookReceiver) {
    this.#receiver = receiver
  }

  static async start(): Promise<Endpoint> {
    const receiver = await WebhookReceiver.start()
    const endpoint = new Endpoint(receiver)
    receiver.answer = ({ body }, response) => {
      endpoint.count += Array.isArray(body['events']) ? body['events'].length : 1
      if (delayMs === 0) return 200
      setTimeout(() => response.writeHead(200).end(), delayMs)
      return undefined
    }
    return endpoint
  }

  get url(): string {
    return this.#receiver.url
  }

  /** Waits until this number of events has come. */
  async until(count: number): Promise<void> {
    const { received } = this.#receiver
    while (this.count < count) await this.#receiver.until(received.length + 1)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#receiver[Symbol.asyncDispose]()
  }
}

const perSecond = (count: number, startedAt: number): number => count / ((performance.now() - startedAt) / 1_000)

function print(measure: string, rate: number): void {
  console.log(`${measure}: ${rate.toFixed(0)} events per second`)
}

/** Events that are there before the webhook is. */
async function measureBacklog(lead: Client): Promise<void> {
  await using endpoint = await Endpoint.start()
  const { cursor } = await lead.events.list({ limit: 1 })
  const tasks = Array.from({ length: batch }, () => ({ type: 'code' }))
  for (let count = 0; count < eventCount; count += batch) await lead.tasks.createMany({ tasks })
  const { webhookId } = await lead.webhooks.create({ url: endpoint.url, format, filter, cursor })
  const startedAt = performance.now()
  await endpoint.until(eventCount)
  print('backlog', perSecond(eventCount, startedAt))
  await lead.webhooks.delete({ webhookId })
}

/** Events of commits during the deliveries. */
async function measureLive(lead: Client): Promise<void> {
  await using endpoint = await Endpoint.start()
  const { webhookId } = await lead.webhooks.create({ url: endpoint.url, format, filter })
  const startedAt = performance.now()
  const create = async () => {
    for (let count = 0; count < eventCount / callerCount; count += 1) await lead.tasks.create({ type: 'code' })
  }
  const writing = Promise.all(Array.from({ length: callerCount }, create))
  await writing
  print('written', perSecond(eventCount, startedAt))
  console.log(`behind at the end of the writes: ${eventCount - endpoint.count}`)
  await endpoint.until(eventCount)
  print('live', perSecond(eventCount, startedAt))
  await lead.webhooks.delete({ webhookId })
}

const folder = mkdtempSync(join(tmpdir(), 'tony-webhooks-'))
const cluster = values.postgres ? await Cluster.start() : undefined
if (values.postgres && !cluster) throw new Error('there is no PostgreSQL')
writeFileSync(join(folder, 'pepper'), randomBytes(32).toString('base64url'), { mode: 0o600 })
const settings = {
  MCP_WEBHOOK_CIDRS: '127.0.0.0/8',
  MCP_PEPPER_FILE: join(folder, 'pepper'),
  ...(cluster && { DATABASE_URL: `${cluster.url}/postgres` }),
}
const server = await RestartingServer.start(settings)
const lead = createClient({ url: server.url, deadlineMs: 100_000 })
await measureBacklog(lead)
await measureLive(lead)
lead.close()
await server[Symbol.asyncDispose]()
await cluster?.[Symbol.asyncDispose]()
rmSync(folder, { recursive: true, force: true })
