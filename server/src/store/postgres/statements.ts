import { type SQL, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { type ClientBase, type PoolClient, type QueryArrayConfig, types } from 'pg'
import { buildStatement, type RowLocks } from '../commit/prepared-statements.ts'
import type { Db, Reader, Statement } from '../store.ts'
import { postgresColumns } from '../tables/columns.postgres.ts'
import { defineTables } from '../tables/tables.ts'
import { StatementSets } from './statement-sets.ts'

export const postgresTables = defineTables(postgresColumns)

const parseBooleanAsNumber = (text: string): number => (text === 't' ? 1 : 0)

/**
 * Parsers of result columns. The driver returns 64-bit integers and numerics as text, because they
 * may exceed a JavaScript number; ours never do. Booleans become 1 or 0 as in SQLite; no column has
 * that type, only computed values.
 */
const parsers = new Map<number, (text: string) => number>([
  [types.builtins.INT8, Number],
  [types.builtins.NUMERIC, Number],
  [types.builtins.BOOL, parseBooleanAsNumber],
])

const resultTypeParsers = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    parsers.get(oid) ?? (format === 'binary' ? types.getTypeParser(oid, 'binary') : types.getTypeParser(oid)),
}

/** Names of prepared statements by their text, equal on every connection of the process. */
const statementNames = new Map<string, string>()

function statementNameOf(text: string): string {
  const name = statementNames.get(text) ?? `s${statementNames.size}`
  statementNames.set(text, name)
  return name
}

type NumberType = 'bigint' | 'double precision'

const numberTypeOf = (value: number): NumberType => (Number.isInteger(value) ? 'bigint' : 'double precision')

/** Adds a cast for each number to the text of a query that runs once. */
const castNumbers = (text: string, values: readonly unknown[]): string =>
  text.replaceAll(/\$(\d+)/g, (parameter, position) => {
    const value = values[Number(position) - 1]
    return typeof value === 'number' ? `${parameter}::${numberTypeOf(value)}` : parameter
  })

/** Returns the text and the name under which a builder sends a query. */
type QueryConfigBuilder = (
  text: string,
  values: readonly unknown[],
) => { readonly text: string; readonly name?: string }

const unnamedTyped: QueryConfigBuilder = (text, values) => ({ text: castNumbers(text, values) })
const namedQuery: QueryConfigBuilder = (text) => ({ text, name: statementNameOf(text) })
const unnamedQuery: QueryConfigBuilder = (text) => ({ text })

interface Queryable {
  query(config: QueryArrayConfig, values: unknown[]): Promise<unknown>
}

// The builder calls only `query` on its client. Its types have nothing in common with SQLite's,
// which stand for both engines.
const createBuilder = (client: Queryable): Db => drizzle(client as unknown as PoolClient) as unknown as Db

const createDirectBuilder = (client: ClientBase, send: QueryConfigBuilder): Db =>
  createBuilder({
    query: ({ text, rowMode }, values) =>
      client.query({ ...send(text, values), values, types: resultTypeParsers, ...(rowMode && { rowMode }) }),
  })

interface Lockable {
  for(strength: 'update' | 'share', config?: { skipLocked: true }): unknown
}

const isLockable = (query: unknown): query is Lockable =>
  typeof query === 'object' && query !== null && 'for' in query && typeof query.for === 'function'

function addRowLock<T>(query: T, strength: 'update' | 'share', config?: { skipLocked: true }): T {
  if (!isLockable(query)) throw new Error('only the rows of a select can be locked')
  // Drizzle's `for` changes the query in place.
  query.for(strength, config)
  return query
}

const rowLocks: RowLocks = {
  skipLocked: (query) => addRowLock(query, 'update', { skipLocked: true }),
  locked: (query) => addRowLock(query, 'update'),
  shared: (query) => addRowLock(query, 'share'),
}

/**
 * The types of a statement's parameters, learned from its values. PostgreSQL infers a parameter's
 * type from its context: text in `case when a then null else $1 end`, a 32-bit integer in `$1 + 1`.
 * Numbers therefore get a cast. A learned type never narrows, so a statement is rebuilt at most
 * twice for each parameter.
 */
class ParameterTypes {
  readonly types = new Map<string, NumberType>()
  version = 0

  learn(params: object): void {
    for (const [name, value] of Object.entries(params)) {
      if (typeof value !== 'number') continue
      const type = numberTypeOf(value)
      const known = this.types.get(name)
      if (known === type || known === 'double precision') continue
      this.types.set(name, type)
      this.version += 1
    }
  }

  placeholder(name: string): SQL {
    const type = this.types.get(name)
    return type ? sql`cast(${sql.placeholder(name)} as ${sql.raw(type)})` : sql`${sql.placeholder(name)}`
  }
}

const parameterTypes = new WeakMap<object, ParameterTypes>()

function parameterTypesOf(statement: object): ParameterTypes {
  const known = parameterTypes.get(statement) ?? new ParameterTypes()
  parameterTypes.set(statement, known)
  return known
}

export interface StatementRunner {
  /** For queries that are built for each call. */
  readonly db: Db
  readonly run: Reader['run']
  /**
   * Runs the statements of operations that run at the same time. Equal statements of one loop turn
   * are sent as one. Absent behind a pooler.
   */
  readonly runTogether?: Reader['run']
}

/** Returns a function that builds each statement once, with the builder that is meant for it. */
function createRun(builderOf: (statement: Statement<never, unknown>) => Db): Reader['run'] {
  const built = new Map<object, { version: number; prepared: unknown }>()
  return async <P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]> => {
    const types = parameterTypesOf(statement)
    types.learn(params)
    let entry = built.get(statement)
    if (entry?.version !== types.version) {
      const db = builderOf(statement as unknown as Statement<never, unknown>)
      const connection = { db, t: postgresTables, locks: rowLocks }
      const prepared = buildStatement(statement, connection, (name) => types.placeholder(name))
      entry = { version: types.version, prepared }
      built.set(statement, entry)
    }
    // Each value was built by its key; the type of a map cannot express that.
    const { prepared } = entry as { prepared: ReturnType<Statement<P, R>['build']> }
    const rows = await prepared.execute(params as Record<string, unknown>)
    // The driver returns an object for a command.
    return Array.isArray(rows) ? rows : []
  }
}

const parameterTypesSql = 'select parameter_types::text[] as types from pg_prepared_statements where name = $1'

/** Creates the sets of statements of a connection, and the runner that uses them. */
function createSetRunner(client: ClientBase): Reader['run'] {
  const sets = new StatementSets(
    (text, values, rowMode) =>
      client.query({ ...namedQuery(text, values), values, types: resultTypeParsers, ...(rowMode && { rowMode }) }),
    async (text) => {
      const { rows } = await client.query<{ types: string[] }>(parameterTypesSql, [statementNameOf(text)])
      return rows[0]?.types
    },
  )
  const builderFor = (isOfOneRow: boolean) =>
    createBuilder({ query: (config, values) => sets.query(config, values, isOfOneRow) })
  const ofSingleRow = builderFor(true)
  const ofAnyRows = builderFor(false)
  return createRun((statement) => (statement.isSingleRowUpdate ? ofSingleRow : ofAnyRows))
}

/**
 * Creates the statement runner of a connection. `prepared` is false behind a pooler, which gives
 * each transaction another connection.
 */
export function createRunner(client: ClientBase, prepared: boolean): StatementRunner {
  const builder = createDirectBuilder(client, prepared ? namedQuery : unnamedQuery)
  return {
    db: createDirectBuilder(client, unnamedTyped),
    run: createRun(() => builder),
    ...(prepared && { runTogether: createSetRunner(client) }),
  }
}
