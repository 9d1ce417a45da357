import type Database from 'better-sqlite3'
import type { ReferenceNumbers } from '../tables/columns.ts'

/** Matches no row, because AUTOINCREMENT begins with 1. */
const unknownNumber = 0

/** The number of ids to keep in memory: about 10 MB. */
const cachedIdLimit = 50_000

/**
 * The ids of projects and agents and their numbers, as one connection reads them. They are kept in
 * memory after their first use.
 *
 * A rollback also removes the pairs that the writer has read since its last commit. Their rows may
 * have been inserted by the transaction that is rolled back, and SQLite may then give the same
 * number to another id.
 */
export class Identifiers implements ReferenceNumbers {
  readonly #findNumber: Database.Statement<[string], number>
  readonly #findId: Database.Statement<[number], string>
  readonly #numbers = new Map<string, number>()
  readonly #ids = new Map<number, string>()
  readonly #database: Database.Database
  /** The pairs that were read in a transaction since the last commit. */
  readonly #uncommitted = new Map<string, number>()

  constructor(database: Database.Database) {
    this.#database = database
    this.#findNumber = database.prepare<[string], number>('SELECT number FROM identifiers WHERE id = ?').pluck()
    this.#findId = database.prepare<[number], string>('SELECT id FROM identifiers WHERE number = ?').pluck()
  }

  numberOf(id: string): number {
    const known = this.#numbers.get(id)
    if (known !== undefined) return known
    const found = this.#findNumber.get(id)
    if (found === undefined) return unknownNumber
    this.#keep(id, found)
    return found
  }

  idOf(number: number): string {
    const known = this.#ids.get(number)
    if (known !== undefined) return known
    const found = this.#findId.get(number)
    if (found === undefined) throw new Error(`no project and no agent has the number ${number}`)
    this.#keep(found, number)
    return found
  }

  #keep(id: string, number: number): void {
    if (this.#numbers.size >= cachedIdLimit) this.#clear()
    this.#numbers.set(id, number)
    this.#ids.set(number, id)
    // Outside a transaction, as on the connection of the readers, each row is committed.
    if (this.#database.inTransaction) this.#uncommitted.set(id, number)
  }

  #clear(): void {
    for (const pairs of [this.#numbers, this.#ids, this.#uncommitted]) pairs.clear()
  }

  /** Keeps the pairs that were read in the transaction, which has committed. */
  commit(): void {
    if (this.#uncommitted.size > 0) this.#uncommitted.clear()
  }

  /** Forgets the pairs that were read in the transaction; all or a part of it is rolled back. */
  rollback(): void {
    for (const [id, number] of this.#uncommitted) {
      this.#numbers.delete(id)
      this.#ids.delete(number)
    }
    this.#uncommitted.clear()
  }
}
