import { createHash } from 'node:crypto'
import type { EngineConnection } from '../commit/engine.ts'
import type { Db, Reader } from '../store.ts'
import type { DatabaseTime } from './database-time.ts'
import { ConnectionLostError, isConnectionEnd, isLockTimeout, NotBegunError, sqlState } from './errors.ts'
import { type PooledConnection, timeouts } from './pool.ts'
import { requiredMigrationSql, type SchemaVersionWatch } from './schema-version.ts'
import { postgresTables } from './statements.ts'

/** Returns the 64-bit key of an advisory lock for these names. */
export const advisoryLockKey = (...names: readonly string[]): bigint =>
  createHash('sha256').update(names.join('\n')).digest().readBigInt64BE()

export interface BatchConnectionOptions {
  readonly schemaVersion: SchemaVersionWatch
  /** True if batches of one project take the writer lock across replicas. */
  readonly writerLock: boolean
  /** True behind a pooler: each transaction gets another connection, so it sets its own limits. */
  readonly pooler: boolean
}

/** SQL of the database's clock in milliseconds. It also advances during a transaction. */
export const nowMsSql = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint'

/** Below the statement timeout of 5 s. */
const writerLockWaitMs = 4_500

const transactionSettings = Object.entries(timeouts)
  .map(([name, ms]) => `set local ${name} = ${ms};`)
  .join(' ')

/** A PostgreSQL connection for batches. */
export class BatchConnection implements EngineConnection {
  readonly #connection: PooledConnection
  readonly #time: DatabaseTime
  readonly #options: BatchConnectionOptions
  readonly db: Db
  readonly t = postgresTables
  readonly run: Reader['run']
  readonly runTogether: Reader['run'] | undefined
  now = 0
  #project = ''

  constructor(connection: PooledConnection, time: DatabaseTime, options: BatchConnectionOptions) {
    this.#connection = connection
    this.#time = time
    this.#options = options
    this.db = connection.db
    this.run = connection.run
    this.runTogether = connection.runTogether
  }

  /**
   * Begins a transaction in one round trip: it takes the writer lock and then reads the time.
   * Batches of a project change the same counters and inboxes in any order, so two at once would
   * deadlock, which costs a second each. Correctness does not depend on the writer lock, which only
   * avoids deadlocks. Row locks enforce the same order without it.
   */
  async begin(project: string): Promise<void> {
    const { writerLock, pooler, schemaVersion } = this.#options
    // Waits longer than for a row: the holder is making progress, and this transaction holds no
    // lock yet.
    const lockSql = writerLock
      ? `set local lock_timeout = ${writerLockWaitMs}; select pg_advisory_xact_lock(${advisoryLockKey(project)});
         set local lock_timeout = ${timeouts.lock_timeout};`
      : ''
    const statements = `begin; ${pooler ? transactionSettings : ''} ${lockSql} select ${nowMsSql} as now, ${requiredMigrationSql} as needed`
    const results = await this.#connection.client.query(statements).catch((error: unknown) => {
      this.#connection.discard()
      throw isConnectionEnd(error) || isLockTimeout(error)
        ? new NotBegunError('no transaction was begun', { cause: error })
        : error
    })
    const { now, needed } = parseBeginResult(results)
    // If this throws, the pool discards the connection because a transaction is open on it.
    schemaVersion.check(needed)
    this.#project = project
    this.now = this.#time.sync(Number(now))
  }

  async commit(): Promise<void> {
    const { command } = await this.#send('commit')
    // A failed transaction replies ROLLBACK: an operation went on after one of its statements
    // failed.
    if (command !== 'COMMIT') throw new Error('the transaction had failed before its commit')
  }

  async rollback(): Promise<void> {
    // The connection itself may have failed. The server then rolls back, and the connection is not
    // used again.
    await this.#connection.client.query('rollback').catch(() => this.#connection.discard())
  }

  async savepoint(): Promise<void> {
    await this.#send('savepoint operation')
  }

  async releaseSavepoint(): Promise<void> {
    await this.#send('release operation')
  }

  /**
   * Throws on a lost connection, which fails the whole batch; an operation's own error does not.
   */
  async rollbackToSavepoint(): Promise<boolean> {
    await this.#send('rollback to operation; release operation')
    return true
  }

  async exclusive(what: string): Promise<void> {
    if (this.#options.writerLock) return
    await this.#send(`select pg_advisory_xact_lock(${advisoryLockKey(this.#project, what)})`)
  }

  async #send(text: string): Promise<{ readonly command: string }> {
    try {
      return await this.#connection.client.query(text)
    } catch (error) {
      throw this.#discard(error)
    }
  }

  /**
   * Discards the connection after an error outside an operation's statement, and returns the error
   * to throw.
   */
  #discard(error: unknown): unknown {
    this.#connection.discard()
    return sqlState(error) === undefined ? new ConnectionLostError('the connection was lost', { cause: error }) : error
  }
}

/** Returns the row of the final select among the results of several statements. */
function parseBeginResult(results: unknown): { readonly now: unknown; readonly needed: unknown } {
  for (const result of Array.isArray(results) ? results : [results]) {
    const row: { now?: unknown; needed?: unknown } | undefined = result?.rows?.[0]
    if (row?.now !== undefined) return { now: row.now, needed: row.needed }
  }
  throw new Error('the start of a transaction returned no time')
}
