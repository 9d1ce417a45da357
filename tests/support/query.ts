import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import Sqlite from 'better-sqlite3'
import { showIds } from './ids.ts'

function onSqlite<T>(file: string, use: (database: Sqlite.Database) => T): T {
  const database = new Sqlite(file, { timeout: 5_000 })
  try {
    return use(database)
  } finally {
    database.close()
  }
}

export const querySqlite = <T>(file: string, sql: string, params: readonly string[]): T[] =>
  onSqlite(file, (database) => {
    showIds(database)
    return database.prepare<string[], T>(sql).all(...params)
  })

export function executeSqlite(file: string, sql: string): void {
  onSqlite(file, (database) => database.exec(sql))
}

/** A query for the thread with the connection to PostgreSQL. */
export interface Asked {
  readonly url: string
  readonly text: string
  readonly values: readonly string[]
}

/** The limit for a query of a test. */
const longestMs = 30_000

function startThread(): (asked: Asked) => unknown {
  const { port1, port2 } = new MessageChannel()
  const answered = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { port: port2, answered }
  new Worker(new URL('./query-worker.ts', import.meta.url), { workerData, transferList: [port2] }).unref()
  return (asked) => {
    Atomics.store(answered, 0, 0)
    port1.postMessage(asked)
    if (Atomics.wait(answered, 0, 0, longestMs) === 'timed-out') throw new Error(`no answer to ${asked.text}`)
    return receiveMessageOnPort(port1)?.message
  }
}

let ask: ReturnType<typeof startThread> | undefined

/** Runs a query in a thread of its own, so that a test reads a row synchronously, as on SQLite. */
export function queryPostgres<T>(url: string, sql: string, values: readonly string[]): T[] {
  let index = 0
  const numbered = sql.replaceAll('?', () => {
    index += 1
    return `$${index}`
  })
  ask ??= startThread()
  // The thread returns the rows of the caller's query.
  const answer = ask({ url, text: values.length > 0 ? numbered : sql, values }) as { rows?: T[]; error?: string }
  if (!answer.rows) throw new Error(answer.error)
  return answer.rows
}
