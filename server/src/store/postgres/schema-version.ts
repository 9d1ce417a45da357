import { SchemaError } from '../migrations/migrate.ts'

/** The migration a program must know to use the database: asked with what is asked anyway, of a table of a row for each migration. */
export const minReaderSql = '(SELECT max(min_reader) FROM schema_migrations)'

/**
 * Whether a newer program has made of the schema what this one must not use any more. The start refuses such a database; this is for
 * a process that runs when it happens: it would write rows by rules of before.
 */
export class SchemaVersionGuard {
  readonly #newest: number
  #error: SchemaError | undefined
  #resolve: (error: SchemaError) => void = () => undefined
  /** Settles once it is so. */
  readonly outdated = new Promise<SchemaError>((resolve) => {
    this.#resolve = resolve
  })

  /** `newest`: the last migration this program knows. */
  constructor(newest: number) {
    this.#newest = newest
  }

  /** Takes note of what the database needs. Throws SchemaError where this program is too old for it. */
  check(needed: unknown): void {
    if (this.#error === undefined && Number(needed) > this.#newest) {
      this.#error = new SchemaError(
        `the database was migrated to what needs migration ${String(needed)}, and this program knows up to ${this.#newest}: start a newer one`,
      )
      this.#resolve(this.#error)
    }
    this.requireCurrent()
  }

  /** Throws SchemaError once it is known. */
  requireCurrent(): void {
    if (this.#error) throw this.#error
  }
}
