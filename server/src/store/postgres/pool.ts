import { type Client, Pool, type PoolClient, type PoolConfig } from 'pg'
import { StoreRefusedError } from '../store-refused-error.ts'
import { ConnectionLostError } from './errors.ts'
import { createRunner, type StatementRunner } from './statements.ts'

export interface PoolOptions {
  readonly url: string
  /** True behind a pooler that gives each transaction another connection. */
  readonly pooler: boolean
  /** Maximum number of connections. */
  readonly size: number
  /** `process` does not wait for the disk at each commit. */
  readonly durability: 'disk' | 'process'
  /** Called before the first use of each connection: the database behind it may have changed. */
  readonly onConnect?: (client: PoolClient) => Promise<void>
}

/** Limits in milliseconds for a statement, the wait for a lock and an idle transaction. */
export const timeouts = { statement_timeout: 5_000, lock_timeout: 2_000, idle_in_transaction_session_timeout: 10_000 }

/** A pooler does not forward the startup settings of a connection. */
const settingsOf = ({ pooler, durability }: PoolOptions): PoolConfig => ({
  ...(pooler ? {} : timeouts),
  ...(durability === 'process' && !pooler ? { options: '-c synchronous_commit=off' } : {}),
})

export const connectionConfigOf = (url: string): PoolConfig => ({
  connectionString: url,
  application_name: 'tony-mcp',
  connectionTimeoutMillis: 2_000,
  // The server's limits apply first, unless the network has lost the connection.
  query_timeout: 10_000,
  keepAlive: true,
})

/** Connects. Throws StoreRefusedError with the name of the database and the reason. */
export async function connectTo(client: Client, url: string): Promise<void> {
  try {
    await client.connect()
  } catch (cause) {
    const { host, pathname } = new URL(url)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreRefusedError(`the database ${host}${pathname} cannot be reached: ${reason}`, { cause })
  }
}

/** A connection on loan from the pool. */
export interface PooledConnection extends StatementRunner {
  readonly client: PoolClient
  /** Closes the connection when it is returned instead of reusing it. */
  discard(): void
}

/** A pool of connections to one database, each with its prepared statements. */
export class ConnectionPool {
  readonly #pool: Pool
  readonly #usesPrepared: boolean
  readonly #onConnect: PoolOptions['onConnect']
  readonly #runners = new WeakMap<PoolClient, StatementRunner>()

  constructor(options: PoolOptions) {
    this.#usesPrepared = !options.pooler
    this.#onConnect = options.onConnect
    this.#pool = new Pool({
      ...connectionConfigOf(options.url),
      ...settingsOf(options),
      max: options.size,
      idleTimeoutMillis: 60_000,
      // Queries that do not wait for an earlier result share a round trip.
      pipeline: true,
    })
    // A broken connection fails its borrower and leaves the pool. An `error` event without a
    // listener would end the process.
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
  }

  async withConnection<T>(work: (connection: PooledConnection) => Promise<T>): Promise<T> {
    const client = await this.#connect()
    let discarded = false
    try {
      if (!this.#runners.has(client))
        await this.#initialize(client).catch((error: unknown) => {
          discarded = true
          throw error
        })
      return await work({ ...this.#runnerOf(client), client, discard: () => (discarded = true) })
    } finally {
      client.release(discarded)
    }
  }

  close(): Promise<void> {
    return this.#pool.end()
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect()
    } catch (cause) {
      throw new ConnectionLostError('no connection to the database', { cause })
    }
  }

  async #initialize(client: PoolClient): Promise<void> {
    try {
      await this.#onConnect?.(client)
    } catch (cause) {
      throw new ConnectionLostError('the database behind this connection cannot be used', { cause })
    }
  }

  #runnerOf(client: PoolClient): StatementRunner {
    const known = this.#runners.get(client) ?? createRunner(client, this.#usesPrepared)
    this.#runners.set(client, known)
    return known
  }
}
