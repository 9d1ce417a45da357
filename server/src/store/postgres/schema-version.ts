import { SchemaError } from '../migrations/migrate.ts'

/**
 * Subquery for the migration that a version must know to use the database. It is part of other
 * queries and reads a table with one row per migration.
 */
export const requiredMigrationSql = '(SELECT max(min_reader) FROM schema_migrations)'

/**
 * Detects a migration whose `minReader` excludes this version. The start refuses such a database;
 * this guard stops a running process, which would write rows by outdated rules.
 */
export class SchemaVersionWatch {
  readonly #newest: number
  #error: SchemaError | undefined
  #resolve: (error: SchemaError) => void = () => undefined
  /** Resolves with the error when such a migration is found. */
  readonly outdated = new Promise<SchemaError>((resolve) => {
    this.#resolve = resolve
  })

  /** `newest` is the number of the last migration that this version knows. */
  constructor(newest: number) {
    this.#newest = newest
  }

  /**
   * Compares the database's `minReader` with this version. Throws SchemaError if this version is
   * too old.
   */
  check(needed: unknown): void {
    if (this.#error === undefined && Number(needed) > this.#newest) {
      this.#error = new SchemaError(
        `the database needs a program that knows migration ${String(needed)}, and this program knows up to ${this.#newest}: start a newer one`,
      )
      this.#resolve(this.#error)
    }
    this.requireCurrent()
  }

  /** Throws SchemaError after such a migration was found. */
  requireCurrent(): void {
    if (this.#error) throw this.#error
  }
}
