import type Database from 'better-sqlite3'
import { Column, getTableColumns, getTableName, is, Param, Placeholder, SQL, sql } from 'drizzle-orm'
import { buildStatement, noRowLocks } from '../commit/prepared-statements.ts'
import type { Db, Reader, Statement } from '../store.ts'
import type { Tables } from '../tables/tables.ts'

/** The parts of a statement of Drizzle that are needed to run it without Drizzle. */
interface DrizzleStatement {
  readonly query: { readonly sql: string; readonly params: unknown[] }
  /** The columns of its rows; undefined if it returns none. */
  readonly fields: readonly { readonly path: readonly string[]; readonly field: unknown }[] | undefined
  execute(values: Record<string, unknown>): Promise<unknown[]>
}

/**
 * A placeholder, for which the builder of an insert or an update notes the column. The type says
 * SQL as on PostgreSQL, and the builder accepts both in the same places.
 */
const placeholder = (name: string): SQL => sql.placeholder(name) as unknown as SQL

type CompiledStatement = (params: Record<string, unknown>) => unknown[]

/**
 * Writes each parameter as `+?`. SQLite plans a statement again at each execution if a parameter
 * could change the choice of an index, which costs as much as the statement: 14 µs a claim. The
 * sign makes it an expression, whose value the planner does not look at. It is left out of texts
 * in quotes.
 */
const withOpaqueParameters = (text: string): string =>
  text.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\?/g, (part) => (part === '?' ? '+?' : part))

/** Returns the value of a parameter. SQLite would take a missing one for null. */
function requireValue(value: unknown, params: Record<string, unknown>, name: string): unknown {
  if (value === undefined && !(name in params)) throw new Error(`a statement has no value for its parameter ${name}`)
  return value
}

type Encoder = (value: unknown) => unknown

/** A parameter of a statement: a placeholder, perhaps with an encoder, or a constant. */
function parameterOf(param: unknown): {
  readonly name?: string
  readonly encode?: Encoder
  readonly constant?: unknown
} {
  if (is(param, Placeholder)) return { name: param.name }
  if (!(is(param, Param) && is(param.value, Placeholder))) return { constant: param }
  const { encoder, value: placeholder } = param
  if (encoder.mapToDriverValue === Column.prototype.mapToDriverValue) return { name: placeholder.name }
  return { name: placeholder.name, encode: (value) => encoder.mapToDriverValue(value) }
}

/**
 * Returns a function that runs a statement with its parameters by position. Its code names each
 * parameter, and that of `createRowBuilder` each column, because V8 optimizes only such code: with
 * loops a row of 29 columns costs 2 µs more. The names are those of this program.
 */
function createExecuteFunction(prepared: Database.Statement, params: readonly unknown[], returnsRows: boolean) {
  const parameters = params.map(parameterOf)
  const values = parameters.map(({ encode, constant }) => encode ?? constant)
  const code = parameters.map(({ name, encode }, index) => {
    if (name === undefined) return `values[${index}]`
    const key = JSON.stringify(name)
    const value = `required(params[${key}], params, ${key})`
    return encode ? `values[${index}](${value})` : value
  })
  const source = `return (params) => statement.${returnsRows ? 'all' : 'run'}(${code.join(', ')})`
  return new Function('statement', 'values', 'required', source)(prepared, values, requireValue)
}

/** The columns whose values SQLite stores in another form, by their names in a statement. */
function encodedColumnsOf(t: Tables): ReadonlyMap<string, Column> {
  const encoded = new Map<string, Column>()
  for (const table of Object.values(t)) {
    for (const column of Object.values<Column>(getTableColumns(table)))
      if (column.mapToDriverValue !== Column.prototype.mapToDriverValue)
        encoded.set(`"${getTableName(table)}"."${column.name}"`, column)
  }
  return encoded
}

/**
 * Replaces each placeholder that a condition compares with an encoded column. The new one encodes
 * its value. Drizzle does so for constants and for the values of an insert or an update, but not
 * for a placeholder in a condition.
 */
function encodeComparisons(
  { sql: text, params }: DrizzleStatement['query'],
  columns: ReadonlyMap<string, Column>,
): void {
  let index = 0
  for (const [part, name = ''] of text.matchAll(/'(?:[^']|'')*'|("\w+"\."\w+") (?:=|<>) \?|"(?:[^"]|"")*"|\?/g)) {
    if (!part.endsWith('?')) continue
    const [column, param] = [columns.get(name), params[index]]
    if (column && is(param, Placeholder)) params[index] = new Param(param, column)
    index += 1
  }
}

type Decoder = (value: unknown) => unknown

const asStored: Decoder = (value) => value

/** Returns how a column of a row is decoded; undefined if only Drizzle can do so. */
function decoderOf(field: unknown): Decoder | undefined {
  if (is(field, Column)) {
    if (field.mapFromDriverValue === Column.prototype.mapFromDriverValue) return asStored
    return (value) => (value === null ? null : field.mapFromDriverValue(value))
  }
  const expression = is(field, SQL.Aliased) ? field.sql : field
  if (!is(expression, SQL)) return undefined
  const { decoder } = expression as unknown as { decoder: { mapFromDriverValue(value: unknown): unknown } }
  const probe = {}
  return decoder.mapFromDriverValue(probe) === probe ? asStored : undefined
}

interface ResultColumn {
  readonly name: string
  readonly decode: Decoder
}

/** Returns the columns of the rows; undefined for rows that only Drizzle can build. */
function resultColumnsOf(fields: DrizzleStatement['fields']): readonly ResultColumn[] | undefined {
  const columns = fields?.flatMap(({ path: [name, ...rest], field }) => {
    const decode = decoderOf(field)
    return name !== undefined && rest.length === 0 && decode ? [{ name, decode }] : []
  })
  return columns?.length === fields?.length ? columns : undefined
}

type Row = Record<string, unknown>

/** Returns the function that builds a row from its values. */
function createRowBuilder(columns: readonly ResultColumn[]): (values: readonly unknown[]) => Row {
  const decoders = columns.map(({ decode }) => decode)
  const fields = columns.map(({ name, decode }, index) => {
    const value = `values[${index}]`
    return `${JSON.stringify(name)}: ${decode === asStored ? value : `decoders[${index}](${value})`}`
  })
  return new Function('decoders', `return (values) => ({ ${fields.join(', ')} })`)(decoders)
}

function compileStatement(
  database: Database.Database,
  { query, fields }: DrizzleStatement,
  encoded: ReadonlyMap<string, Column>,
): CompiledStatement | undefined {
  encodeComparisons(query, encoded)
  const columns = fields && resultColumnsOf(fields)
  if (fields && !columns) return undefined
  const prepared = database.prepare(withOpaqueParameters(query.sql))
  if (columns) prepared.raw()
  const call: (params: Row) => unknown[][] = createExecuteFunction(prepared, query.params, columns !== undefined)
  if (!columns) {
    return (params) => {
      call(params)
      return []
    }
  }
  const toRow = createRowBuilder(columns)
  return (params) => call(params).map((values) => toRow(values))
}

/**
 * Returns a function that runs the statements of one connection. Drizzle builds the text of each at
 * its first use; from then on it runs without Drizzle, which takes half of the time.
 */
export function createRun(database: Database.Database, db: Db, t: Tables): Reader['run'] {
  const runs = new Map<object, CompiledStatement | DrizzleStatement>()
  const encoded = encodedColumnsOf(t)
  const build = (statement: Statement<never, unknown>): CompiledStatement | DrizzleStatement => {
    const connection = { db, t, locks: noRowLocks }
    const built = buildStatement(statement, connection, placeholder) as unknown as DrizzleStatement
    const run = compileStatement(database, built, encoded) ?? built
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
