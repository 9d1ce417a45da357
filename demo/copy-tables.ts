import Database from 'better-sqlite3'
import { Client, escapeIdentifier, types } from 'pg'

/** The tables that the history checker reads. */
const checkedTables = [
  'projects',
  'agents',
  'tasks',
  'task_dependencies',
  'task_counts',
  'messages',
  'mailboxes',
  'delivery_failures',
  'locks',
  'pools',
  'event_log',
] as const

/** Number of rows per fetch, because a whole feed may be too large for the memory. */
const pageRows = 5_000

/**
 * Copies the tables for the history checker from PostgreSQL to a new SQLite file, unchanged and in
 * one snapshot.
 */
export async function copyTables(url: string, file: string): Promise<void> {
  const client = new Client({
    connectionString: url,
    types: { getTypeParser: (oid) => (oid === types.builtins.INT8 ? Number : types.getTypeParser(oid)) },
  })
  await client.connect()
  const database = new Database(file)
  try {
    await client.query('begin isolation level repeatable read read only')
    for (const table of checkedTables) await copyTable(client, database, table)
    await client.query('commit')
  } finally {
    database.close()
    await client.end()
  }
}

async function copyTable(client: Client, database: Database.Database, table: string): Promise<void> {
  await client.query(`declare rows cursor for select * from ${table}`)
  let insert: Database.Statement<unknown[]> | undefined
  for (;;) {
    const { rows, fields } = await client.query<unknown[]>({ text: `fetch ${pageRows} from rows`, rowMode: 'array' })
    if (!insert) {
      const names = fields.map(({ name }) => escapeIdentifier(name))
      database.exec(`create table ${table} (${names.join(', ')})`)
      insert = database.prepare(`insert into ${table} values (${names.map(() => '?').join(', ')})`)
    }
    const statement = insert
    database.transaction(() => {
      for (const row of rows) statement.run(row)
    })()
    if (rows.length < pageRows) break
  }
  await client.query('close rows')
}
