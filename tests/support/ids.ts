import type Database from 'better-sqlite3'
import type { Executed } from './statements.ts'

/** SQL of the number of a project or an agent on SQLite; `id` is SQL too. */
export const numberFor = (id: string): string => `(select number from identifiers where identifiers.id = ${id})`

/** The columns of a table that hold numbers of projects and agents. */
export const referencesOf = (database: Database.Database, table: string): readonly string[] =>
  database
    .prepare<[string], string>(`select "from" from pragma_foreign_key_list(?) where "table" = 'identifiers'`)
    .pluck()
    .all(table)

/** The columns with numbers of projects and agents, as `"table"."column"`. */
export const allReferencesOf = (database: Database.Database): ReadonlySet<string> =>
  new Set(
    database
      .prepare<[], string>(
        `select '"' || m.name || '"."' || f."from" || '"' from sqlite_master m join pragma_foreign_key_list(m.name) f
         where f."table" = 'identifiers'`,
      )
      .pluck()
      .all(),
  )

/**
 * Returns the comparisons of columns in a statement. The other side is a column by its name, or a
 * parameter by the type of its value; the others, such as literals, are left out.
 */
export function comparisonsIn({ text, values }: Pick<Executed, 'text' | 'values'>): readonly [string, string][] {
  const found: [string, string][] = []
  let index = 0
  const parts = /'(?:[^']|'')*'|("\w+"\."\w+") (?:=|<>) (?:\+?(\?)|("\w+"\."\w+"))|\?/g
  for (const [part, column, parameter, other] of text.matchAll(parts)) {
    if (column !== undefined) found.push([column, other ?? (values[index] === null ? 'null' : typeof values[index])])
    if (parameter !== undefined || part === '?') index += 1
  }
  return found
}

/**
 * Shows the ids of projects and agents in the tables that have their numbers: temporary views of
 * the same names cover the tables on this connection. They are only for reading.
 */
export function showIds(database: Database.Database): void {
  const names = (query: string, ...params: string[]) =>
    database
      .prepare<string[], string>(query)
      .pluck()
      .all(...params)
  const tables = names(
    `select distinct m.name from main.sqlite_master m join pragma_foreign_key_list(m.name) f where f."table" = 'identifiers'`,
  )
  for (const table of tables) {
    const references = referencesOf(database, table)
    const columns = names('select name from pragma_table_info(?) order by cid', table).map((name) =>
      references.includes(name)
        ? `(select id from main.identifiers where number = "${name}") as "${name}"`
        : `"${name}"`,
    )
    database.exec(`create temp view "${table}" as select ${columns.join(', ')} from main."${table}"`)
  }
}
