import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, type ClientOptions, createClient } from '@tony/mcp-client'
import { type Config, readConfig } from '@tony/mcp-server/config'
import type { Limits } from '@tony/mcp-server/limits'
import type { Clock } from '@tony/mcp-server/platform/clock'
import { type RunningServer, startServer, sweeps } from '@tony/mcp-server/server'
import { runSweep } from '@tony/mcp-server/sweeps/runner'
import { ManualClock } from './clock.ts'
import { numberFor } from './ids.ts'
import type { Database } from './postgres.ts'
import { executeSqlite, queryPostgres, querySqlite } from './query.ts'

type Postgres = NonNullable<Config['postgres']>

export interface TestServerOptions {
  readonly clock?: Clock
  readonly limits?: Partial<Limits>
  readonly config?: Partial<Config>
  /** Default `dev`. */
  readonly mode?: 'dev' | 'serve'
  /**
   * A database that several servers share. It has notifications and no pooler. Default: a database
   * of its own.
   */
  readonly postgres?: Pick<Postgres, 'url'> & Partial<Postgres>
  /** The folder of an earlier server, to start on its file. */
  readonly folder?: string
}

/** Tokens live longer than in production, because tests of other subjects let hours pass. */
const dayMs = 86_400_000

/**
 * True if the tests run on PostgreSQL. The clock of a test stands still there, while an outage is
 * measured by the clock of the database, so an outage extends no deadline.
 */
export const onPostgres = process.env['TONY_TEST_STORE'] === 'postgres'

/** Databases by the folder of their test. */
const databases = new Map<string, Database>()

/**
 * Returns the store of a test: a file in its folder, or a database of its own with
 * TONY_TEST_STORE=postgres.
 */
async function storeIn(folder: string): Promise<{ DATABASE_URL?: string }> {
  if (!onPostgres) return {}
  const server = await import('./postgres.ts')
  const database = databases.get(folder) ?? (await server.Database.create())
  databases.set(folder, database)
  return { DATABASE_URL: database.url }
}

/**
 * A whole server on a file of its own. Its clock stands still, and clients reach it over real
 * sockets.
 */
export class TestServer implements AsyncDisposable {
  readonly folder: string
  readonly clock: ManualClock
  readonly #running: RunningServer
  readonly #ownsFolder: boolean
  readonly #clients = new Set<Client>()

  private constructor(folder: string, ownsFolder: boolean, clock: ManualClock, running: RunningServer) {
    this.folder = folder
    this.#ownsFolder = ownsFolder
    this.clock = clock
    this.#running = running
  }

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'tony-'))
    const { postgres } = options
    const store = postgres ? {} : await storeIn(folder)
    const base = readConfig(options.mode ?? 'dev', { MCP_PORT: '0', ...store, LOG_LEVEL: 'silent' })
    const config = {
      ...base,
      // On PostgreSQL too, the files of a server are in its folder.
      database: join(folder, 'test.db'),
      backupDir: join(folder, 'test.db.backups'),
      ...(postgres && { postgres: { directUrl: undefined, pooler: false, notify: true, ...postgres } }),
      checkReplies: true,
      drainMs: 0,
      ballastBytes: 0,
      // Receivers of tests are on the loopback. Nothing listens at the second one.
      webhooks: { cidrs: ['127.0.0.0/8'], origins: ['http://127.0.0.1:9'] },
      accessTokenMs: dayMs,
      ...options.config,
      // The clock stands still, so the rate of handshakes never recovers and must be high. On a
      // busy machine the writes of a race wait longer than the limit of the queue, so that limit is
      // high too.
      limits: { ...base.limits, handshakesPerSecond: 1e6, queueMs: 60_000, ...options.limits },
    }
    const manual = options.clock instanceof ManualClock ? options.clock : new ManualClock()
    const running = await startServer(config, options.clock ?? manual)
    return new TestServer(folder, options.folder === undefined, manual, running)
  }

  get url(): string {
    return this.#running.url
  }

  get outdated(): RunningServer['outdated'] {
    return this.#running.outdated
  }

  get parts(): RunningServer['services'] {
    return this.#running.services
  }

  /** The path of the database file. */
  get database(): string {
    return this.parts.config.database
  }

  /** Runs statements without the server and waits for them. */
  execute(sql: string): void {
    const { database, postgres } = this.parts.config
    if (postgres) queryPostgres(postgres.url, sql, [])
    else executeSqlite(database, sql)
  }

  /** Returns SQL for the value of a column that refers to a project or an agent. */
  reference(id: string): string {
    return this.parts.config.postgres ? `'${id}'` : numberFor(`'${id}'`)
  }

  /** Runs a query without the server and waits for it. */
  query<T>(sql: string, params: readonly string[] = []): T[] {
    const { database, postgres } = this.parts.config
    return postgres ? queryPostgres(postgres.url, sql, params) : querySqlite(database, sql, params)
  }

  /**
   * Returns a client of this server. Without a token it is the developer of dev mode, a tech lead.
   */
  connect(options: ClientOptions = {}): Client {
    const client = createClient({ url: this.url, deadlineMs: 60_000, ...options })
    this.#clients.add(client)
    return client
  }

  /** Registers an agent and returns it with a client that has its token. */
  async agent(
    name: string,
    registration: Partial<Parameters<Client['agents']['register']>[0]> = {},
  ): Promise<TestAgent> {
    const lead = this.connect()
    const clientInstanceId = registration.clientInstanceId ?? `instance of ${name}, a secret`
    const reply = await lead.agents.register({ type: 'implementation', ...registration, name, clientInstanceId })
    lead.close()
    const client = this.connect({ token: reply.token })
    return { ...client, ...reply, id: reply.agentId, name, clientInstanceId }
  }

  /** Advances the clock and runs the sweeps that are due. */
  async advance(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.sweep()
  }

  async sweep(): Promise<void> {
    for (const sweep of sweeps) await runSweep(this.parts, sweep)
  }

  /** Ends the server and keeps its file, so that another server can start on it. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.close()
    // The drain waits on the server's clock.
    const ticking = setInterval(() => this.clock.advance(1_000), 5)
    await this.#running[Symbol.asyncDispose]()
    clearInterval(ticking)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (!this.#ownsFolder) return
    rmSync(this.folder, { recursive: true, force: true })
    await databases.get(this.folder)?.[Symbol.asyncDispose]()
    databases.delete(this.folder)
  }
}

export interface TestAgent extends Client {
  readonly id: string
  readonly name: string
  readonly token: string
  readonly refreshToken: string
  readonly incarnation: number
  readonly clientInstanceId: string
}

/** Resolves to the error of a refused call. Fails the test if the call succeeds. */
export async function refusal(
  call: Promise<unknown>,
): Promise<{ code: string; details: unknown; message: string; applied: string }> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('value' in outcome) throw new Error(`expected a refusal, got ${JSON.stringify(outcome.value)}`)
  const { error } = outcome
  if (error instanceof Error && 'code' in error && 'applied' in error) {
    const details = 'details' in error ? error.details : undefined
    return { code: String(error.code), details, message: error.message, applied: String(error.applied) }
  }
  throw error
}

/** Returns the next `count` items of an iteration. */
export async function take<T>(from: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  if (count === 0) return taken
  for await (const thing of from) {
    taken.push(thing)
    if (taken.length === count) break
  }
  return taken
}
