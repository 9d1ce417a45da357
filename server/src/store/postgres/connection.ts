import { createHash } from 'node:crypto'
import type { Connection } from '../commit/batches.ts'
import type { Db, Reader } from '../store.ts'
import type { DatabaseTime } from './database-time.ts'
import { postgresTables } from './statements.ts'
import { ConnectionLostError, isEnding, isLockTimeout, NotBegunError, sqlState } from './errors.ts'
import { neededMigration, type Outdated } from './schema-version.ts'
import { type Lent, timeouts } from './pool.ts'

/** What a lock is about, as the 64 bit number that Postgres locks. */
export const lockNumber = (...about: readonly string[]): bigint =>
  createHash('sha256').update(about.join('\n')).digest().readBigInt64BE()

export interface Batching {
  readonly outdated: Outdated
  /** Whether batches of one project take turns, over all replicas. */
  readonly turns: boolean
  /** Settings go with each transaction, because the connection is another each time. */
  readonly pooler: boolean
}

/** The database's clock, which goes on during a transaction. */
export const millisecondsNow = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint'

/** Shorter than any statement may take. */
const turnWaitMs = 4_500

const settings = Object.entries(timeouts)
  .map(([name, ms]) => `set local ${name} = ${ms};`)
  .join(' ')

/** A connection as the batches use it. */
export class BatchConnection implements Connection {
  readonly #lent: Lent
  readonly #time: DatabaseTime
  readonly #options: Batching
  readonly db: Db
  readonly t = postgresTables
  readonly run: Reader['run']
  now = 0
  #project = ''

  constructor(lent: Lent, time: DatabaseTime, options: Batching) {
    this.#lent = lent
    this.#time = time
    this.#options = options
    this.db = lent.db
    this.run = lent.run
  }

  /**
   * One round trip: begins, waits for the project's turn, and asks for the time after that. Batches of a project change the
   * same counters and mailboxes in whatever order their operations come; two at once would meet in a deadlock, which costs
   * a second each. Nothing is right only because of the turn: with `turns` off the rows' own locks say the same.
   */
  async begin(project: string): Promise<void> {
    const { turns, pooler, outdated } = this.#options
    // In line with the other replicas, longer than for a row: whoever is before this one is at work, and nothing is held meanwhile.
    const turn = turns
      ? `set local lock_timeout = ${turnWaitMs}; select pg_advisory_xact_lock(${lockNumber(project)});
         set local lock_timeout = ${timeouts.lock_timeout};`
      : ''
    const asked = `begin; ${pooler ? settings : ''} ${turn} select ${millisecondsNow} as now, ${neededMigration} as needed`
    const results = await this.#lent.client.query(asked).catch((error: unknown) => {
      this.#lent.spoil()
      throw isEnding(error) || isLockTimeout(error)
        ? new NotBegunError('no transaction was begun', { cause: error })
        : error
    })
    const { now, needed } = answerIn(results)
    // Whoever lends the connection gives up one that is in a transaction when this throws.
    outdated.hear(needed)
    this.#project = project
    this.now = this.#time.hear(Number(now))
  }

  async commit(): Promise<void> {
    const { command } = await this.#say('commit')
    // What a failed transaction answers to a commit: an operation went on after one of its statements had been refused.
    if (command !== 'COMMIT') throw new Error('the transaction had failed before its commit')
  }

  async rollback(): Promise<void> {
    // The connection may be what failed: then the server rolls back by itself, and nobody uses it again.
    await this.#lent.client.query('rollback').catch(() => this.#lent.spoil())
  }

  async savepoint(): Promise<void> {
    await this.#say('savepoint operation')
  }

  async release(): Promise<void> {
    await this.#say('release operation')
  }

  /** Throws when the connection is lost: that is every operation's business, and what the one at hand was refused for is not. */
  async rollbackToSavepoint(): Promise<boolean> {
    await this.#say('rollback to operation; release operation')
    return true
  }

  async exclusive(what: string): Promise<void> {
    if (this.#options.turns) return
    await this.#say(`select pg_advisory_xact_lock(${lockNumber(this.#project, what)})`)
  }

  async #say(text: string): Promise<{ readonly command: string }> {
    try {
      return await this.#lent.client.query(text)
    } catch (error) {
      throw this.#lost(error)
    }
  }

  /** Of an error outside any statement of an operation the connection is not used again. */
  #lost(error: unknown): unknown {
    this.#lent.spoil()
    return sqlState(error) === undefined ? new ConnectionLostError('the connection was lost', { cause: error }) : error
  }
}

/** What was asked last, among the results of several statements in one text. */
function answerIn(results: unknown): { readonly now: unknown; readonly needed: unknown } {
  for (const result of Array.isArray(results) ? results : [results]) {
    const row: { now?: unknown; needed?: unknown } | undefined = result?.rows?.[0]
    if (row?.now !== undefined) return { now: row.now, needed: row.needed }
  }
  throw new Error('the database did not say what time it is')
}
