import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'

function onSqlite<T>(file: string, use: (database: Sqlite.Database) => T): T {
  const database = new Sqlite(file, { timeout: 5_000 })
  try {
    return use(database)
  } finally {
    database.close()
  }
}

export const querySqlite = <T>(file: string, sql: string, params: readonly string[]): T[] =>
  onSqlite(file, (database) => database.prepare<string[], T>(sql).all(...params))

export function executeSqlite(file: string, sql: string): void {
  onSqlite(file, (database) => database.exec(sql))
}

const script = fileURLToPath(new URL('./children/query.ts', import.meta.url))

/** In a process of its own: a test that looks at a row need not wait for it in another way than for one of SQLite's. */
export function queryPostgres<T>(url: string, sql: string, params: readonly string[]): T[] {
  let index = 0
  const numbered = sql.replaceAll('?', () => {
    index += 1
    return `$${index}`
  })
  const text = params.length > 0 ? numbered : sql
  const output = execFileSync(process.execPath, [script, url, text, ...params], { encoding: 'utf8' })
  return JSON.parse(output)
}
