import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, type ClientOptions, createClient } from '@tony/mcp-client'
import { type Config, readConfig } from '@tony/mcp-server/config'
import type { Limits } from '@tony/mcp-server/limits'
import type { Clock } from '@tony/mcp-server/platform/clock'
import { type RunningServer, start, sweeps } from '@tony/mcp-server/server'
import { runSweep } from '@tony/mcp-server/sweeps/runner'
import { ManualClock } from './clock.ts'
import type { Database } from './postgres.ts'
import { executeSqlite, queryPostgres, querySqlite } from './query.ts'

type Postgres = NonNullable<Config['postgres']>

export interface TestServerOptions {
  readonly clock?: Clock
  readonly limits?: Partial<Limits>
  readonly config?: Partial<Config>
  /** Default `dev`. */
  readonly mode?: 'dev' | 'serve'
  /** A database that several servers share, instead of one of its own; it notifies, and is behind no pooler. */
  readonly postgres?: Pick<Postgres, 'url'> & Partial<Postgres>
  /** Folder of an earlier server's, to start on its file. */
  readonly folder?: string
}

/** Longer than tokens last in earnest: tests of other things let hours pass. */
const dayMs = 86_400_000

/**
 * Whether the tests run on PostgreSQL: where they hold time still, an outage of the server, which is measured by the clock of
 * the database, extends nothing.
 */
export const onPostgres = process.env['TONY_TEST_STORE'] === 'postgres'

/** Databases by the folder of the test they stand for. */
const databases = new Map<string, Database>()

/** What a test has its rows in: a file in its folder, or with TONY_TEST_STORE=postgres a database of its own. */
async function storeIn(folder: string): Promise<{ DATABASE_URL?: string }> {
  if (!onPostgres) return {}
  const server = await import('./postgres.ts')
  const database = databases.get(folder) ?? (await server.Database.create())
  databases.set(folder, database)
  return { DATABASE_URL: database.url }
}

/** A whole server on a file of its own, with a clock that stands still, and clients that reach it over real sockets. */
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
      // On PostgreSQL too the files of a server are in its folder.
      database: join(folder, 'test.db'),
      backupDir: join(folder, 'test.db.backups'),
      ...(postgres && { postgres: { directUrl: undefined, pooler: false, notify: true, ...postgres } }),
      checkReplies: true,
      drainMs: 0,
      ballastBytes: 0,
      accessTokenMs: dayMs,
      ...options.config,
      // Time stands still, and with it how many may come. On a busy machine the writes of a race wait
      // for longer than they may where somebody is to be refused.
      limits: { ...base.limits, handshakesPerSecond: 1e6, queueMs: 60_000, ...options.limits },
    }
    const manual = options.clock instanceof ManualClock ? options.clock : new ManualClock()
    const running = await start(config, options.clock ?? manual)
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

  /** The database file. */
  get database(): string {
    return this.parts.config.database
  }

  /** Runs statements past the server, and waits for them. */
  execute(sql: string): void {
    const { database, postgres } = this.parts.config
    if (postgres) queryPostgres(postgres.url, sql, [])
    else executeSqlite(database, sql)
  }

  /** Runs a query past the server, and waits for it. */
  query<T>(sql: string, params: readonly string[] = []): T[] {
    const { database, postgres } = this.parts.config
    return postgres ? queryPostgres(postgres.url, sql, params) : querySqlite(database, sql, params)
  }

  /** A client of this server: without a token it is the developer on this machine, a tech lead. */
  connect(options: ClientOptions = {}): Client {
    const client = createClient({ url: this.url, deadlineMs: 60_000, ...options })
    this.#clients.add(client)
    return client
  }

  /** A registered agent, as a client that calls with its token. */
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

  /** Time passes, and the sweeps do what is then due. */
  async advance(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.sweep()
  }

  async sweep(): Promise<void> {
    for (const sweep of sweeps) await runSweep(this.parts, sweep)
  }

  /** Ends the server and keeps its file, for another to start on. */
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

/** Resolves to the error a call was refused with; fails the test when it was not. */
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

/** The next `count` things of an iteration. */
export async function take<T>(from: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  if (count === 0) return taken
  for await (const thing of from) {
    taken.push(thing)
    if (taken.length === count) break
  }
  return taken
}
