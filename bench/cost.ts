/**
 * Measures the cost of an operation at the database, by the number of replicas and of agents. Rows
 * written, rows locked and WAL bytes come from the WAL itself; round trips and locks are counted on
 * the connection. No time is measured, so other load on the machine has no effect. Each operation
 * runs in its own transaction, which is its highest cost. The exit code is 1 if a cost is not flat.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Client, createClient } from '@tony/mcp-client'
import { readConfig } from '@tony/mcp-server/config'
import { type RunningServer, startServer } from '@tony/mcp-server/server'
import { Client as Database } from 'pg'
import { Cluster } from '../tests/support/postgres-cluster.ts'
import { Meter } from './meter.ts'
import { median } from './statistics.ts'

const { values } = parseArgs({
  options: {
    replicas: { type: 'string', default: '1,2,3' },
    agents: { type: 'string', default: '10,100,1000' },
    samples: { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
  },
})

const samples = Number(values.samples)
/**
 * Uncounted rounds for each replica. The database plans a statement again each time until it has
 * run a few times.
 */
const warmUp = 8

const numbers = (list: string) => list.split(',').map(Number)

const verbs = ['claim', 'complete', 'send', 'ack'] as const
type Verb = (typeof verbs)[number]

interface Cost {
  readonly rows: number
  readonly rowLocks: number
  readonly walBytes: number
  readonly roundTrips: number
  readonly locks: number
}

const walCostQuery = `select
  coalesce(sum((resource_manager = 'Heap' and record_type ~ '^(INSERT|UPDATE|HOT_UPDATE|DELETE)')::int), 0)::int as rows,
  coalesce(sum((resource_manager = 'Heap' and record_type ~ '^LOCK')::int), 0)::int as "rowLocks",
  coalesce(sum(record_length - fpi_length), 0)::int as "walBytes"
  from pg_get_wal_records_info($1, $2)`

/** The servers, their database and their agents. */
class Deployment implements AsyncDisposable {
  readonly #database: Database
  readonly #meter: Meter
  readonly #servers: readonly RunningServer[]
  readonly #folder: string
  readonly #clients = new Map<string, Client>()
  readonly lead: Client
  #agents: { readonly id: string; readonly name: string; readonly token: string }[] = []

  private constructor(database: Database, meter: Meter, servers: readonly RunningServer[], folder: string) {
    this.#database = database
    this.#meter = meter
    this.#servers = servers
    this.#folder = folder
    this.lead = createClient({ url: servers[0]?.url ?? '', deadlineMs: 120_000 })
  }

  static async start(cluster: Cluster, replicas: number, agents: number): Promise<Deployment> {
    const name = `cost_${replicas}_${agents}`
    const admin = new Database(`${cluster.url}/postgres`)
    await admin.connect()
    await admin.query(`create database ${name}`)
    // Sequential scans are off, as large tables would make them. The tables of ten agents are so
    // small that a scan would be cheaper and would take fewer locks.
    await admin.query(`alter database ${name} set enable_seqscan = off`)
    await admin.end()
    const url = `${cluster.url}/${name}`
    const database = new Database(url)
    await database.connect()
    const meter = await Meter.start(url)
    const folder = mkdtempSync(join(tmpdir(), 'tony-cost-'))
    const base = readConfig('dev', { MCP_PORT: '0', DATABASE_URL: meter.url, LOG_LEVEL: 'error', MCP_DRAIN_MS: '0' })
    const servers: RunningServer[] = []
    for (let index = 0; index < replicas; index += 1)
      servers.push(await startServer({ ...base, database: join(folder, 'cost.db') }))
    // After the start of the servers, which refuse a database with foreign tables. The extension
    // creates no table.
    await database.query('create extension pg_walinspect')
    const deployment = new Deployment(database, meter, servers, folder)
    await deployment.#register(agents)
    await database.query('vacuum analyze')
    return deployment
  }

  /** Returns an agent and its client. Successive indexes use the servers in turn. */
  agent(index: number) {
    const position = ((index + 1_000) * 37) % this.#agents.length
    const agent = this.#agents[position]
    if (!agent) throw new Error('there are no agents')
    const { url } = this.#servers[(index + 1_000) % this.#servers.length] ?? { url: '' }
    const key = `${position} ${url}`
    const client = this.#clients.get(key) ?? createClient({ url, token: agent.token, deadlineMs: 60_000 })
    this.#clients.set(key, client)
    return { ...agent, client }
  }

  /** Runs a call alone and returns its cost. */
  async measure(call: () => Promise<unknown>): Promise<Cost> {
    const before = await this.#walPosition()
    this.#meter.transactions = []
    await call()
    const [transaction] = this.#meter.transactions
    const after = await this.#walPosition()
    const { rows } = await this.#database.query<Pick<Cost, 'rows' | 'rowLocks' | 'walBytes'>>(walCostQuery, [
      before,
      after,
    ])
    const [walCost] = rows
    if (!(walCost && transaction)) throw new Error('nothing was committed')
    return { ...walCost, ...transaction }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [this.lead, ...this.#clients.values()]) client.close()
    for (const server of this.#servers) await server[Symbol.asyncDispose]()
    await this.#meter[Symbol.asyncDispose]()
    await this.#database.end()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #walPosition(): Promise<string> {
    const { rows } = await this.#database.query<{ at: string }>('select pg_current_wal_insert_lsn() as at')
    return rows[0]?.at ?? ''
  }

  async #register(agents: number): Promise<void> {
    const registerAgent = async (index: number) => {
      const name = `agent ${index}`
      const clientInstanceId = `the instance of ${name}`
      const { agentId, token } = await this.lead.agents.register({ name, type: 'implementation', clientInstanceId })
      return { id: agentId, name, token }
    }
    for (let from = 0; from < agents; from += 50) {
      const count = Math.min(50, agents - from)
      this.#agents.push(
        ...(await Promise.all(Array.from({ length: count }, (_, index) => registerAgent(from + index)))),
      )
    }
  }
}

async function costsOf(cluster: Cluster, replicas: number, agents: number): Promise<Record<Verb, Cost>> {
  await using deployment = await Deployment.start(cluster, replicas, agents)
  const costs: Record<Verb, Cost[]> = { claim: [], complete: [], send: [], ack: [] }
  for (let index = -warmUp * replicas; index < samples; index += 1) {
    if (index === 0) for (const verb of verbs) costs[verb] = []
    const [ann, bob] = [deployment.agent(index), deployment.agent(index + 1)]
    await deployment.lead.tasks.create({ type: 'cost', title: 'the same each time' })
    let claimed: { readonly id: string; readonly leaseToken: string } | undefined
    costs.claim.push(
      await deployment.measure(async () => {
        claimed = (await ann.client.tasks.claim({ waitMs: 5_000 })).tasks[0]
      }),
    )
    const lease = { taskId: claimed?.id ?? '', leaseToken: claimed?.leaseToken ?? '' }
    costs.complete.push(await deployment.measure(() => ann.client.tasks.complete({ ...lease, result: { done: true } })))
    const newMessage = { to: bob.name, type: 'cost', payload: { text: 'the same each time' } }
    costs.send.push(await deployment.measure(() => ann.client.messages.send(newMessage)))
    const [message] = (await bob.client.messages.receive({ waitMs: 5_000 })).messages
    const receipt = { messageId: message?.id ?? '', receipt: message?.receipt ?? '' }
    costs.ack.push(await deployment.measure(() => bob.client.messages.ack(receipt)))
  }
  const medianCostOf = (verb: Verb): Cost => {
    const medianOf = (name: keyof Cost) => median(costs[verb].map((cost) => cost[name]))
    return {
      rows: medianOf('rows'),
      rowLocks: medianOf('rowLocks'),
      walBytes: medianOf('walBytes'),
      roundTrips: medianOf('roundTrips'),
      locks: medianOf('locks'),
    }
  }
  return {
    claim: medianCostOf('claim'),
    complete: medianCostOf('complete'),
    send: medianCostOf('send'),
    ack: medianCostOf('ack'),
  }
}

const columns = ['verb', 'replicas', 'agents', 'rows', 'rowLocks', 'walBytes', 'roundTrips', 'locks'] as const
const line = (cells: readonly (string | number)[]) => `${cells.map((cell) => String(cell).padEnd(12)).join('')}\n`

const found = await Cluster.start()
if (!found) throw new Error('there is no PostgreSQL')
await using cluster = found
const results: (Cost & { readonly verb: Verb; readonly replicas: number; readonly agents: number })[] = []
if (!values.json) process.stdout.write(line(columns))
for (const replicas of numbers(values.replicas)) {
  for (const agents of numbers(values.agents)) {
    const costs = await costsOf(cluster, replicas, agents)
    for (const verb of verbs) {
      const result = { verb, replicas, agents, ...costs[verb] }
      results.push(result)
      process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : line(columns.map((column) => result[column])))
    }
  }
}

/** The deviation of each cost from the first one of its verb, as a share of that one. */
const deviations = results.flatMap((result) => {
  const first = results.find(({ verb }) => verb === result.verb)
  return (['rows', 'rowLocks', 'walBytes', 'roundTrips', 'locks'] as const).map((name) => {
    const base = first?.[name] ?? 0
    return base === result[name] ? 0 : Math.abs(result[name] - base) / Math.max(1, base)
  })
})
const widest = Math.max(...deviations)
if (!values.json) process.stdout.write(`the widest deviation is ${(widest * 100).toFixed(1)} %\n`)
if (widest > 0.1) process.exitCode = 1
