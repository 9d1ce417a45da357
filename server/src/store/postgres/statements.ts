import { type SQL, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { type ClientBase, type PoolClient, type QueryArrayConfig, types } from 'pg'
import { buildStatement, type RowLocks } from '../commit/prepared-statements.ts'
import type { Db, Reader, Statement } from '../store.ts'
import { postgresColumns } from '../tables/columns.postgres.ts'
import { defineTables } from '../tables/tables.ts'

export const postgresTables = defineTables(postgresColumns)

const parseBoolean = (text: string): number => (text === 't' ? 1 : 0)

/**
 * Counts, sums and times as numbers, which the driver gives as text because its integers may be larger than ours ever are; and
 * what is so or not as 1 or 0, as SQLite has it. No column is of that type, only what a query computes.
 */
const parsers = new Map<number, (text: string) => number>([
  [types.builtins.INT8, Number],
  [types.builtins.NUMERIC, Number],
  [types.builtins.BOOL, parseBoolean],
])

const numberTypes = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    parsers.get(oid) ?? (format === 'binary' ? types.getTypeParser(oid, 'binary') : types.getTypeParser(oid)),
}

/** Names of prepared statements by their text, the same on every connection of the process. */
const names = new Map<string, string>()

function nameOf(text: string): string {
  const name = names.get(text) ?? `s${names.size}`
  names.set(text, name)
  return name
}

type NumberType = 'bigint' | 'double precision'

const typeOf = (value: number): NumberType => (Number.isInteger(value) ? 'bigint' : 'double precision')

/** The text of a query that is run once, with the type of each number it is given. */
const castNumbers = (text: string, values: readonly unknown[]): string =>
  text.replaceAll(/\$(\d+)/g, (parameter, position) => {
    const value = values[Number(position) - 1]
    return typeof value === 'number' ? `${parameter}::${typeOf(value)}` : parameter
  })

/** How a builder sends what it has built. */
type QueryConfig = (text: string, values: readonly unknown[]) => { readonly text: string; readonly name?: string }

const unnamedTyped: QueryConfig = (text, values) => ({ text: castNumbers(text, values) })
const namedQuery: QueryConfig = (text) => ({ text, name: nameOf(text) })
const unnamedQuery: QueryConfig = (text) => ({ text })

function createBuilder(client: ClientBase, send: QueryConfig): Db {
  const bound = {
    query: ({ text, rowMode }: QueryArrayConfig, values: unknown[]) =>
      client.query({ ...send(text, values), values, types: numberTypes, ...(rowMode && { rowMode }) }),
  }
  // Of a client the builder calls nothing but `query`; and its types have nothing in common with SQLite's, which stand for both.
  return drizzle(bound as unknown as PoolClient) as unknown as Db
}

interface Lockable {
  for(strength: 'update' | 'share', config?: { skipLocked: true }): unknown
}

const isLockable = (query: unknown): query is Lockable =>
  typeof query === 'object' && query !== null && 'for' in query && typeof query.for === 'function'

function lock<T>(query: T, strength: 'update' | 'share', config?: { skipLocked: true }): T {
  if (!isLockable(query)) throw new Error('only the rows of a select can be locked')
  // Adds the clause to the query itself.
  query.for(strength, config)
  return query
}

const rowLocks: RowLocks = {
  skipLocked: (query) => lock(query, 'update', { skipLocked: true }),
  locked: (query) => lock(query, 'update'),
  shared: (query) => lock(query, 'share'),
}

/**
 * What the parameters of a statement are, as its values have shown. Postgres infers the type of a parameter from what stands
 * beside it, which is text in `case when a then null else $1 end` and a 32 bit integer in `$1 + 1`; a number says what it is.
 * A type once learned stays, so that a statement is built anew at most twice for each parameter.
 */
class ParameterTypes {
  readonly types = new Map<string, NumberType>()
  version = 0

  learn(params: object): void {
    for (const [name, value] of Object.entries(params)) {
      if (typeof value !== 'number') continue
      const type = typeOf(value)
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
  /** For queries that are built each time. */
  readonly db: Db
  readonly run: Reader['run']
}

/** What runs statements on a connection. `prepared: false` behind a pooler, which gives each transaction another connection. */
export function createRunner(client: ClientBase, prepared: boolean): StatementRunner {
  const connection = {
    db: createBuilder(client, prepared ? namedQuery : unnamedQuery),
    t: postgresTables,
    locks: rowLocks,
  }
  const built = new Map<object, { version: number; prepared: unknown }>()
  return {
    db: createBuilder(client, unnamedTyped),
    run: <P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]> => {
      const types = parameterTypesOf(statement)
      types.learn(params)
      let entry = built.get(statement)
      if (entry?.version !== types.version) {
        const prepared = buildStatement(statement, connection, (name) => types.placeholder(name))
        entry = { version: types.version, prepared }
        built.set(statement, entry)
      }
      // The map holds for each statement what that very statement built, which the type of a map cannot say.
      const { prepared } = entry as { prepared: ReturnType<Statement<P, R>['build']> }
      return prepared.execute(params as Record<string, unknown>)
    },
  }
}
