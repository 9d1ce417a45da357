import Database from 'better-sqlite3'

export interface Executed {
  /** Its text with a plain `?` for each parameter. */
  readonly sql: string
  /** Its text as it was run. */
  readonly text: string
  /**
   * The parameters of its last run. A plan depends on them: a partial index is used for a value and
   * not for a placeholder.
   */
  readonly values: readonly unknown[]
}

/**
 * Records every statement that this process runs on SQLite until it is disposed, each once. The
 * statements run unchanged.
 */
export class StatementLog implements Disposable {
  readonly #seen = new Map<string, Executed>()
  readonly #restore: (() => void)[] = []

  constructor() {
    const database = new Database(':memory:')
    const prototype: object = Object.getPrototypeOf(database.prepare('select 1'))
    database.close()
    for (const method of ['all', 'get', 'run', 'iterate']) this.#watch(prototype, method)
  }

  #watch(prototype: object, method: string): void {
    const original: unknown = Reflect.get(prototype, method)
    if (typeof original !== 'function') throw new Error(`statements have no ${method}`)
    const seen = this.#seen
    Reflect.set(prototype, method, function (this: { source: string }, ...values: unknown[]) {
      seen.set(this.source, { sql: this.source.replaceAll('+?', '?'), text: this.source, values })
      return Reflect.apply(original, this, values)
    })
    this.#restore.push(() => Reflect.set(prototype, method, original))
  }

  get executed(): Executed[] {
    return [...this.#seen.values()]
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore) restore()
  }
}

/** Returns the plan of SQLite for a statement, one line for each table it visits. */
export function planOf(database: Database.Database, { text, values }: Executed): string[] {
  const rows = database.prepare<unknown[], { detail: string }>(`explain query plan ${text}`).all(...values)
  return rows.map(({ detail }) => detail)
}
