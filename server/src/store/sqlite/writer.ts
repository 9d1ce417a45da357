import type Database from 'better-sqlite3'
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import type { EngineConnection } from '../commit/engine.ts'
import { extendDeadlines } from '../commit/extend-deadlines.ts'
import { type Db, type Reader, rowlessStatement, type StatementParts } from '../store.ts'
import { createSqliteColumns } from '../tables/columns.ts'
import { defineTables, type Tables } from '../tables/tables.ts'
import { Identifiers } from './identifiers.ts'
import type { Standstill } from './standstill.ts'
import { createRun } from './statements.ts'

/** Defines the tables for one connection, which translates the ids of projects and agents. */
export const defineSqliteTables = (identifiers: Identifiers): Tables => defineTables(createSqliteColumns(identifiers))

// The driver is synchronous, but the type is not: operations await every statement, which
// PostgreSQL needs.
export const createBuilder = (database: Database.Database): Db => drizzle(database) as unknown as Db

const saveCommitTime = rowlessStatement(({ db, t, p }: StatementParts<{ at: string }>) =>
  db.update(t.storeFacts).set({ value: p.at }).where(eq(t.storeFacts.name, 'last_commit')).prepare(),
)

/**
 * The writer connection of the batches. Its time is constant during a batch: all operations of a
 * commit have the same time.
 */
export class WriterConnection implements EngineConnection {
  readonly #database: Database.Database
  readonly #clock: () => number
  readonly #takeStandstill: () => Standstill | undefined
  readonly #identifiers: Identifiers
  readonly db: Db
  readonly t: Tables
  readonly run: Reader['run']
  readonly isSoleWriter = true
  now = 0
  /** A standstill whose grant has not been committed: a rollback takes it away. */
  #owed: Standstill | undefined

  constructor(database: Database.Database, clock: () => number, takeStandstill: () => Standstill | undefined) {
    this.#database = database
    this.#clock = clock
    this.#takeStandstill = takeStandstill
    this.db = createBuilder(database)
    this.#identifiers = new Identifiers(database)
    this.t = defineSqliteTables(this.#identifiers)
    this.run = createRun(database, this.db, this.t)
    const prepared = (source: string) => {
      const text = database.prepare(source)
      return () => {
        text.run()
        return Promise.resolve()
      }
    }
    this.savepoint = prepared('SAVEPOINT operation')
    this.releaseSavepoint = prepared('RELEASE operation')
    this.#begin = prepared('BEGIN IMMEDIATE')
    this.#commit = prepared('COMMIT')
  }

  readonly savepoint: () => Promise<void>
  readonly releaseSavepoint: () => Promise<void>
  readonly #begin: () => Promise<void>
  readonly #commit: () => Promise<void>

  async begin(): Promise<void> {
    const found = this.#takeStandstill()
    if (found) this.#owed = this.#owed ? { ...this.#owed, ms: this.#owed.ms + found.ms } : found
    this.now = this.#clock()
    await this.#begin()
    if (this.#owed) await this.#grant(this.#owed)
  }

  async #grant({ since, ms }: Standstill): Promise<void> {
    try {
      await extendDeadlines(this, since, ms)
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  async commit(): Promise<void> {
    await this.run(saveCommitTime, { at: String(this.now) })
    await this.#commit()
    this.#identifiers.commit()
    this.#owed = undefined
  }

  async rollback(): Promise<void> {
    this.#identifiers.rollback()
    // SQLITE_FULL and SQLITE_IOERR may have ended the transaction already.
    if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
  }

  async rollbackToSavepoint(): Promise<boolean> {
    this.#identifiers.rollback()
    if (!this.#database.inTransaction) return false
    this.#database.exec('ROLLBACK TO operation')
    this.#database.exec('RELEASE operation')
    return true
  }

  /** The single writer already excludes all others. */
  exclusive(): Promise<void> {
    return Promise.resolve()
  }
}
