import { createHash } from 'node:crypto'
import Database from 'better-sqlite3'
import { readSqliteMigrations, refuseForeignDatabase, SchemaError } from '../migrations/migrate.ts'
import { readMigrationStates } from '../migrations/schema-state.ts'
import { lockDatabaseFile } from '../sqlite/file-lock.ts'
import { identityColumns, type TableSpec } from './tables.ts'

export type ColumnValue = string | number | null

export interface SourceColumn {
  readonly name: string
  readonly kind: 'text' | 'bigint' | 'double precision'
  /** True if the file has the number of an id. */
  readonly isReference: boolean
}

export interface SourceProject {
  readonly id: string
  readonly name: string
  readonly seq: number
}

const columnKinds: Readonly<Record<string, SourceColumn['kind']>> = {
  INTEGER: 'bigint',
  REAL: 'double precision',
  TEXT: 'text',
}

const idSqlOf = (column: string): string => `(SELECT id FROM identifiers WHERE number = "${column}")`

/** The condition of a table for the file, where some tables have the number of the project. */
const toSourceFilter = (rowFilter: string): string =>
  rowFilter
    .replaceAll('project_id = ?', 'project_id IN (?, (SELECT number FROM identifiers WHERE id = ?))')
    .replaceAll('?', '@project')

/**
 * The file of a move. This process owns it exclusively and does not write to it during the copy.
 */
export class MoveSource implements Disposable {
  readonly file: string
  readonly #unlock: () => void
  readonly #database: Database.Database

  private constructor(file: string, unlock: () => void, database: Database.Database) {
    this.file = file
    this.#unlock = unlock
    this.#database = database
  }

  /**
   * Opens the file. Throws StoreInUseError while a server has it open, and SchemaError if it
   * belongs to another program or lacks migrations.
   */
  static open(file: string): MoveSource {
    const unlock = lockDatabaseFile(file)
    try {
      const missing = readMigrationStates(file).filter(({ applied, known }) => !(applied && known))
      if (missing.length > 0)
        throw new SchemaError(
          `${file} is not at migration ${readSqliteMigrations().length - 1}, which this program needs: run tony-mcp migrate up`,
        )
      const database = new Database(file, { readonly: true, fileMustExist: true })
      refuseForeignDatabase(database)
      return new MoveSource(file, unlock, database)
    } catch (error) {
      unlock()
      throw error
    }
  }

  projects(): readonly SourceProject[] {
    return this.#database.prepare<[], SourceProject>('SELECT id, name, seq FROM projects ORDER BY created_at, id').all()
  }

  readFact(name: string): string | undefined {
    return this.#database.prepare<[string], string>('SELECT value FROM store_facts WHERE name = ?').pluck().get(name)
  }

  /** A hash that changes with every commit. A move can resume only if it is unchanged. */
  get fingerprint(): string {
    const all = this.projects().map(({ id, seq }) => `${id} ${seq}`)
    const text = [this.readFact('epoch'), this.readFact('last_commit'), ...all].join('\n')
    return createHash('sha256').update(text).digest('hex')
  }

  columnsOf(table: string): readonly SourceColumn[] {
    const rows = this.#database
      .prepare<[string, string], { name: string; type: string; isReference: number }>(
        `SELECT name, type, name IN (SELECT "from" FROM pragma_foreign_key_list(?) WHERE "table" = 'identifiers') AS isReference
         FROM pragma_table_info(?) ORDER BY cid`,
      )
      .all(table, table)
    return rows.map(({ name, type, isReference }) => ({
      name,
      kind: isReference > 0 ? 'text' : (columnKinds[type.toUpperCase()] ?? 'text'),
      isReference: isReference > 0,
    }))
  }

  countRows({ table, rowFilter, parameterOf }: TableSpec, project: string): number {
    return (
      this.#database
        .prepare<[object], number>(`SELECT count(*) FROM ${table} WHERE ${toSourceFilter(rowFilter)}`)
        .pluck()
        .get({ project: parameterOf?.(project) ?? project }) ?? 0
    )
  }

  /** Reads rows after a rowid; each row starts with its rowid. */
  readPage(
    { table, rowFilter, parameterOf }: TableSpec,
    project: string,
    after: number,
    limit: number,
  ): (readonly [number, ...ColumnValue[]])[] {
    const values = this.columnsOf(table).map(({ name, isReference }) => (isReference ? idSqlOf(name) : `"${name}"`))
    const where = `rowid > @after AND ${toSourceFilter(rowFilter)}`
    return this.#database
      .prepare<[object], readonly [number, ...ColumnValue[]]>(
        `SELECT rowid, ${values.join(', ')} FROM ${table} WHERE ${where} ORDER BY rowid LIMIT @limit`,
      )
      .raw()
      .all({ after, project: parameterOf?.(project) ?? project, limit })
  }

  /** Returns the number of purged messages of each agent. */
  purgedCounts(project: string): (readonly [string, number])[] {
    return this.#database
      .prepare<[object], readonly [string, number]>(
        `SELECT ${idSqlOf('agent_id')}, purged FROM mailboxes WHERE ${toSourceFilter('project_id = ?')} AND purged > 0`,
      )
      .raw()
      .all({ project })
  }

  /**
   * Returns the highest number that a table has ever assigned, including deleted rows, because
   * numbers are never reused.
   */
  highestNumber(table: string): number {
    const highest = this.#database
      .prepare<[string], number>('SELECT seq FROM sqlite_sequence WHERE name = ?')
      .pluck()
      .get(table)
    return highest ?? 0
  }

  highestNumbers(): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.keys(identityColumns).map((table) => [table, this.highestNumber(table)]))
  }

  /** Records the target in the file. No server opens the file after that. */
  markMoved(to: string): void {
    const database = new Database(this.file)
    try {
      database
        .prepare(
          "INSERT INTO store_facts VALUES ('moved_to', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .run(to)
    } finally {
      database.close()
    }
  }

  [Symbol.dispose](): void {
    this.#database.close()
    this.#unlock()
  }
}
