import type Database from 'better-sqlite3'
import { Column, is, Param, Placeholder, SQL, sql } from 'drizzle-orm'
import { buildStatement, noRowLocks } from '../commit/prepared-statements.ts'
import type { Db, Reader, Statement } from '../store.ts'
import type { Tables } from '../tables/tables.ts'

/** The parts of a statement of Drizzle that are needed to run it without Drizzle. */
interface DrizzleStatement {
  readonly query: { readonly sql: string; readonly params: readonly unknown[] }
  /** The columns of its rows; undefined if it returns none. */
  readonly fields: readonly { readonly path: readonly string[]; readonly field: unknown }[] | undefined
  execute(values: Record<string, unknown>): Promise<unknown[]>
}

const placeholder = (name: string): SQL => sql`${sql.placeholder(name)}`

type Run = (params: Record<string, unknown>) => unknown[]

/**
 * Writes each parameter as `+?`. SQLite plans a statement again at each execution if a parameter
 * could change the choice of an index, which costs as much as the statement: 14 µs a claim. The
 * sign makes it an expression, whose value the planner does not look at. It is left out of texts
 * in quotes.
 */
const withHiddenValues = (text: string): string =>
  text.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\?/g, (part) => (part === '?' ? '+?' : part))

function valueIn(params: Record<string, unknown>, name: string): unknown {
  // SQLite would take it for null.
  if (!(name in params)) throw new Error(`a statement has no value for its parameter ${name}`)
  return params[name]
}

/** Returns how a parameter of Drizzle gets its value. */
function binderOf(param: unknown): (params: Record<string, unknown>) => unknown {
  if (is(param, Placeholder)) return (params) => valueIn(params, param.name)
  if (is(param, Param) && is(param.value, Placeholder)) {
    const { encoder, value: placeholder } = param
    return (params) => encoder.mapToDriverValue(valueIn(params, placeholder.name))
  }
  return () => param
}

/** True if Drizzle returns the values of a column as SQLite has them. */
function isPlain(field: unknown): boolean {
  if (is(field, Column)) return field.mapFromDriverValue === Column.prototype.mapFromDriverValue
  const expression = is(field, SQL.Aliased) ? field.sql : field
  if (!is(expression, SQL)) return false
  const { decoder } = expression as unknown as { decoder: { mapFromDriverValue(value: unknown): unknown } }
  const probe = {}
  return decoder.mapFromDriverValue(probe) === probe
}

/** Returns the names of the columns; undefined for rows that only Drizzle can build. */
function plainNames(fields: DrizzleStatement['fields']): readonly string[] | undefined {
  const names = fields?.flatMap(({ path, field }) => (path.length === 1 && isPlain(field) ? (path[0] ?? []) : []))
  return names?.length === fields?.length ? names : undefined
}

function compile(database: Database.Database, built: DrizzleStatement): Run | undefined {
  const { query, fields } = built
  const names = fields && plainNames(fields)
  if (fields && !names) return undefined
  const binders = query.params.map(binderOf)
  const prepared = database.prepare(withHiddenValues(query.sql))
  if (!names) {
    return (params) => {
      prepared.run(...binders.map((bind) => bind(params)))
      return []
    }
  }
  prepared.raw()
  return (params) =>
    (prepared.all(...binders.map((bind) => bind(params))) as unknown[][]).map((values) => {
      const row: Record<string, unknown> = {}
      for (let index = 0; index < names.length; index += 1) row[names[index] ?? ''] = values[index]
      return row
    })
}

/**
 * Returns a function that runs the statements of one connection. Drizzle builds the text of each at
 * its first use; from then on it runs without Drizzle, which takes half of the time.
 */
export function createRunner(database: Database.Database, db: Db, t: Tables): Reader['run'] {
  const runs = new Map<object, Run | DrizzleStatement>()
  const build = (statement: Statement<never, unknown>): Run | DrizzleStatement => {
    const connection = { db, t, locks: noRowLocks }
    const built = buildStatement(statement, connection, placeholder) as unknown as DrizzleStatement
    const run = compile(database, built) ?? built
    runs.set(statement, run)
    return run
  }
  return async <P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]> => {
    const run = runs.get(statement) ?? build(statement as unknown as Statement<never, unknown>)
    const values = params as Record<string, unknown>
    // Each value was built by its key; the type of a map cannot express that.
    return (typeof run === 'function' ? run(values) : await run.execute(values)) as R[]
  }
}
