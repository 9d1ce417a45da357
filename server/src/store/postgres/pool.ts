import { type Client, Pool, type PoolClient, type PoolConfig } from 'pg'
import { StoreRefusedError } from '../store-refused-error.ts'
import { ConnectionLostError } from './errors.ts'
import { createRunner, type StatementRunner } from './statements.ts'

export interface PoolOptions {
  readonly url: string
  /** The database is reached through a pooler that gives each transaction another connection. */
  readonly pooler: boolean
  /** Connections at most. */
  readonly size: number
  /** `process` does not wait for the disk at each commit. */
  readonly durability: 'disk' | 'process'
  /** What is asked of each connection before it is used: the database behind it may be another than before. */
  readonly onConnect?: (client: PoolClient) => Promise<void>
}

/** No statement runs, waits for a lock, or holds a transaction open for longer. In milliseconds. */
export const timeouts = { statement_timeout: 5_000, lock_timeout: 2_000, idle_in_transaction_session_timeout: 10_000 }

/** A pooler does not pass on what a connection asks for at its start. */
const settingsOf = ({ pooler, durability }: PoolOptions): PoolConfig => ({
  ...(pooler ? {} : timeouts),
  ...(durability === 'process' && !pooler ? { options: '-c synchronous_commit=off' } : {}),
})

export const clientSettings = (url: string): PoolConfig => ({
  connectionString: url,
  application_name: 'tony-mcp',
  connectionTimeoutMillis: 2_000,
  // The server's own limit comes first, unless the network has swallowed the connection.
  query_timeout: 10_000,
  keepAlive: true,
})

/** Connects, or throws StoreRefusedError with the name of the database and the reason. */
export async function connectTo(client: Client, url: string): Promise<void> {
  try {
    await client.connect()
  } catch (cause) {
    const { host, pathname } = new URL(url)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreRefusedError(`the database ${host}${pathname} cannot be reached: ${reason}`, { cause })
  }
}

/** One connection on loan. */
export interface PooledConnection extends StatementRunner {
  readonly client: PoolClient
  /** Not to be used again: it is closed when it is given back. */
  discard(): void
}

/** Connections to one database, each with the statements it has prepared. */
export class ConnectionPool {
  readonly #pool: Pool
  readonly #usesPrepared: boolean
  readonly #onConnect: PoolOptions['onConnect']
  readonly #runners = new WeakMap<PoolClient, StatementRunner>()

  constructor(options: PoolOptions) {
    this.#usesPrepared = !options.pooler
    this.#onConnect = options.onConnect
    this.#pool = new Pool({
      ...clientSettings(options.url),
      ...settingsOf(options),
      max: options.size,
      idleTimeoutMillis: 60_000,
      // What is asked for without waiting for the answer to what went before shares a round trip.
      pipeline: true,
    })
    // A connection that breaks fails whoever uses it and leaves the pool by itself; an event nobody hears would end the process.
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
      throw new ConnectionLostError('this connection leads to no database that can be used', { cause })
    }
  }

  #runnerOf(client: PoolClient): StatementRunner {
    const known = this.#runners.get(client) ?? createRunner(client, this.#usesPrepared)
    this.#runners.set(client, known)
    return known
  }
}
