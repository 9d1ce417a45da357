import { join } from 'node:path'
import { migrateSqlite, readSqliteMigrations } from '@tony/mcp-server/store/migrations/migrate'
import Database from 'better-sqlite3'

/**
 * Migrates several databases and stops each one after another statement. That statement starts the
 * next migration, and the last one kills the process, so all of them are cut off together. Half of
 * them have the first migration already. The arguments are the folder and which of all databases to
 * migrate, since the stack holds about a hundred migrations at a time.
 */
const [, , folder = '', first = '', count = ''] = process.argv
const all = readSqliteMigrations()
const steps = all.flatMap(({ number, statements }) => statements.map((_, index) => ({ number, index })))
const runs = steps
  .map((step, position) => ({ ...step, from: step.number === 0 ? 0 : position % 2 }))
  .slice(Number(first), Number(first) + Number(count))

function begin(position: number): void {
  const run = runs[position]
  if (!run) {
    process.kill(process.pid, 'SIGKILL')
    return
  }
  const database = new Database(join(folder, `${run.from}-${run.number}-${run.index}.db`))
  database.pragma('journal_mode = WAL')
  if (run.from > 0) migrateSqlite(database, all.slice(0, run.from), 1)
  database.function('begin_next', () => begin(position + 1))
  const halfway = all.map((migration) => {
    const { number, statements } = migration
    if (number !== run.number) return migration
    return { ...migration, statements: statements.toSpliced(run.index + 1, 0, 'select begin_next()') }
  })
  migrateSqlite(database, halfway, 1)
}

begin(0)
