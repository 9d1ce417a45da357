import { createHash } from 'node:crypto'
import type { Connection } from '../commit/batches.ts'
import type { Db, Reader } from '../store.ts'
import type { DatabaseTime } from './database-time.ts'
import { ConnectionLostError, isConnectionEnd, isLockTimeout, NotBegunError, sqlState } from './errors.ts'
import { type PooledConnection, timeouts } from './pool.ts'
import { minReaderSql, type SchemaVersionGuard } from './schema-version.ts'
import { postgresTables } from './statements.ts'

/** What a lock is about, as the 64 bit number that Postgres locks. */
export const advisoryLockKey = (...names: readonly string[]): bigint =>
  createHash('sha256').update(names.join('\n')).digest().readBigInt64BE()

export interface BatchConnectionOptions {
  readonly schemaVersion: SchemaVersionGuard
  /** Whether batches of one project take turns, over all replicas. */
  readonly writerLock: boolean
  /** Settings go with each transaction, because the connection is another each time. */
  readonly pooler: boolean
}

/** The database's clock, which goes on during a transaction. */
export const nowMsSql = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint'

/** Shorter than any statement may take. */
const writerLockWaitMs = 4_500

const transactionSettings = Object.entries(timeouts)
  .map(([name, ms]) => `set local ${name} = ${ms};`)
  .join(' ')

/** A connection as the batches use it. */
export class BatchConnection implements Connection {
  readonly #connection: PooledConnection
  readonly #time: DatabaseTime
  readonly #options: BatchConnectionOptions
  readonly db: Db
  readonly t = postgresTables
  readonly run: Reader['run']
  now = 0
  #project = ''

  constructor(connection: PooledConnection, time: DatabaseTime, options: BatchConnectionOptions) {
    this.#connection = connection
    this.#time = time
    this.#options = options
    this.db = connection.db
    this.run = connection.run
  }

  /**
   * One round trip: begins, waits for the project's turn, and asks for the time after that. Batches of a project change the
   * same counters and mailboxes in whatever order their operations come; two at once would meet in a deadlock, which costs
   * a second each. Nothing is right only because of the turn: with `turns` off the rows' own locks say the same.
   */
  async begin(project: string): Promise<void> {
    const { writerLock, pooler, schemaVersion } = this.#options
    // In line with the other replicas, longer than for a row: whoever is before this one is at work, and nothing is held meanwhile.
    const lockSql = writerLock
      ? `set local lock_timeout = ${writerLockWaitMs}; select pg_advisory_xact_lock(${advisoryLockKey(project)});
         set local lock_timeout = ${timeouts.lock_timeout};`
      : ''
    const statements = `begin; ${pooler ? transactionSettings : ''} ${lockSql} select ${nowMsSql} as now, ${minReaderSql} as needed`
    const results = await this.#connection.client.query(statements).catch((error: unknown) => {
      this.#connection.discard()
      throw isConnectionEnd(error) || isLockTimeout(error)
        ? new NotBegunError('no transaction was begun', { cause: error })
        : error
    })
    const { now, needed } = parseBeginResult(results)
    // Whoever lends the connection gives up one that is in a transaction when this throws.
    schemaVersion.check(needed)
    this.#project = project
    this.now = this.#time.sync(Number(now))
  }

  async commit(): Promise<void> {
    const { command } = await this.#send('commit')
    // What a failed transaction answers to a commit: an operation went on after one of its statements had been refused.
    if (command !== 'COMMIT') throw new Error('the transaction had failed before its commit')
  }

  async rollback(): Promise<void> {
    // The connection may be what failed: then the server rolls back by itself, and nobody uses it again.
    await this.#connection.client.query('rollback').catch(() => this.#connection.discard())
  }

  async savepoint(): Promise<void> {
    await this.#send('savepoint operation')
  }

  async release(): Promise<void> {
    await this.#send('release operation')
  }

  /** Throws when the connection is lost: that is every operation's business, and what the one at hand was refused for is not. */
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

  /** Of an error outside any statement of an operation the connection is not used again. */
  #discard(error: unknown): unknown {
    this.#connection.discard()
    return sqlState(error) === undefined ? new ConnectionLostError('the connection was lost', { cause: error }) : error
  }
}

/** What was asked last, among the results of several statements in one text. */
function parseBeginResult(results: unknown): { readonly now: unknown; readonly needed: unknown } {
  for (const result of Array.isArray(results) ? results : [results]) {
    const row: { now?: unknown; needed?: unknown } | undefined = result?.rows?.[0]
    if (row?.now !== undefined) return { now: row.now, needed: row.needed }
  }
  throw new Error('the database did not say what time it is')
}
