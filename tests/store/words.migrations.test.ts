import { migrateSqlite, readMigrations } from '@tony/mcp-server/store/migrations/migrate'
import { migratePostgres } from '@tony/mcp-server/store/postgres/migrate'
import { postgresMigrationsFolder } from '@tony/mcp-server/store/postgres/postgres'
import { eventTypes } from '@tony/mcp-shared/event-words'
import { describe, expect, test } from 'vitest'
import { Database, postgresServer } from '../support/postgres.ts'
import { StoreFolder } from '../support/store.ts'

const readSqliteMigrations = new URL('../../drizzle/sqlite', import.meta.url)
const { number = 0 } = readMigrations(readSqliteMigrations).find(({ name }) => name === 'wire_words') ?? {}

/** The text of an error in an event, with the old words in every form of quoting. */
const quoted = 'said "reason":"ack wait over" and ["deadLetters:write"'

const failure = (reason: string) => ({ messageId: 'm', attempt: 1, reason, error: quoted })
const key = (...scopes: readonly string[]) => ({ keyId: 'k', name: 'deadLetters:write', scopes })

/** The type and the data of each event before the migration, and after it if they differ. */
const events: readonly { readonly before: readonly [string, object]; readonly after?: readonly [string, object] }[] = [
  { before: ['task.inputRequested', { attempt: 1 }], after: ['task.input_requested', { attempt: 1 }] },
  { before: ['task.inputProvided', { attempt: 1 }], after: ['task.input_provided', { attempt: 1 }] },
  { before: ['task.timedOut', { attempt: 1 }], after: ['task.timed_out', { attempt: 1 }] },
  { before: ['request.timedOut', { method: 'm' }], after: ['request.timed_out', { method: 'm' }] },
  { before: ['task.completed', { attempt: 1 }] },
  { before: ['message.returned', failure('ack wait over')], after: ['message.returned', failure('ack_timeout')] },
  { before: ['message.dead', failure('ack wait over')], after: ['message.dead', failure('ack_timeout')] },
  { before: ['message.dead', failure('inbox full')], after: ['message.dead', failure('inbox_full')] },
  { before: ['message.dead', failure('term')] },
  { before: ['message.nacked', failure('nak')] },
  { before: ['project.paused', { reason: 'inbox full' }] },
  { before: ['key.created', key('deadLetters:write')], after: ['key.created', key('dead_letters:write')] },
  {
    before: ['key.created', key('tasks:read', 'deadLetters:write', 'tasks:work')],
    after: ['key.created', key('tasks:read', 'dead_letters:write', 'tasks:work')],
  },
  { before: ['key.created', key('*')] },
]

const reasons = ['nak', 'ack wait over', 'inbox full', 'term']

/** Rows of a program from before the migration. */
const rows = [
  `INSERT INTO projects (id, name, created_at) VALUES ('p', 'words', 0)`,
  `INSERT INTO agents (id, project_id, name, type, role, capabilities, registered_at, last_activity, metadata)
   VALUES ('a', 'p', 'ada', 'code', 'developer', '[]', 0, 0, '{}')`,
  `INSERT INTO messages (id, project_id, to_agent, type, payload, priority, created_at, max_deliver)
   VALUES ('m', 'p', 'a', 'note', '1', 2, 0, 5)`,
  ...reasons.map(
    (reason, attempt) =>
      `INSERT INTO delivery_failures (message_id, attempt, at, reason) VALUES ('m', ${attempt}, 0, '${reason}')`,
  ),
  ...['["*"]', '["tasks:read","deadLetters:write"]'].map(
    (scopes, index) =>
      `INSERT INTO credentials (id, project_id, name, secret_hash, scopes, role_ceiling, cidrs, created_at, expires_at)
       VALUES ('k${index}', 'p', 'deadLetters:write', 'h', '${scopes}', 'tech-lead', '[]', 0, 1)`,
  ),
  ...events.map(
    ({ before: [type, data] }, index) =>
      `INSERT INTO events (project_id, seq, at, type, data) VALUES ('p', ${index + 1}, 0, '${type}', '${JSON.stringify(data)}')`,
  ),
]

interface Reread {
  readonly events: readonly { readonly type: string; readonly data: string }[]
  readonly failures: readonly { readonly reason: string }[]
  readonly keys: readonly { readonly name: string; readonly scopes: string }[]
}

const queries = {
  events: 'SELECT type, data FROM events ORDER BY seq',
  failures: 'SELECT reason FROM delivery_failures ORDER BY attempt',
  keys: 'SELECT name, scopes FROM credentials ORDER BY id',
}

/** Checks the words of the wire in each row. Every other text must be unchanged. */
function expectNewWords(read: Reread): void {
  expect(read.events.map(({ type, data }) => [type, data])).toEqual(
    events.map(({ before, after: [type, data] = before }) => [type, JSON.stringify(data)]),
  )
  expect(read.events.map(({ type }) => type).filter((type) => !eventTypes.some((known) => known === type))).toEqual([])
  expect(read.failures.map(({ reason }) => reason)).toEqual(['nak', 'ack_timeout', 'inbox_full', 'term'])
  expect(read.keys).toEqual([
    { name: 'deadLetters:write', scopes: '["*"]' },
    { name: 'deadLetters:write', scopes: '["tasks:read","dead_letters:write"]' },
  ])
}

const rewrite = `UPDATE events SET type = 'x'`

describe('the migration to the words of the wire', () => {
  test('rewrites the rows of a SQLite file, which accepts only new events after that', () => {
    const shipped = readMigrations(readSqliteMigrations)
    using folder = new StoreFolder()
    folder.raw((database) => {
      migrateSqlite(database, shipped.slice(0, number), 0)
      for (const row of rows) database.exec(row)
    })
    folder.raw((database) => migrateSqlite(database, shipped, 1))
    folder.raw((database) => {
      const all = <T>(query: string) => database.prepare<[], T>(query).all()
      expectNewWords({ events: all(queries.events), failures: all(queries.failures), keys: all(queries.keys) })
      expect(() => database.exec(rewrite)).toThrow('events are only added')
    })
  })

  test.skipIf(postgresServer === undefined)('rewrites the rows of a PostgreSQL database in the same way', async () => {
    const shipped = readMigrations(postgresMigrationsFolder)
    await using database = await Database.create({ empty: true })
    await database.raw(async (client) => {
      await migratePostgres(client, shipped.slice(0, number))
      for (const row of rows) await client.query(row)
      await migratePostgres(client, shipped)
    })
    expectNewWords({
      events: await database.rows(queries.events),
      failures: await database.rows(queries.failures),
      keys: await database.rows(queries.keys),
    })
    await expect(database.raw((client) => client.query(rewrite))).rejects.toThrow('events are only added')
  })

  test('lets no earlier program run on the result', () => {
    for (const folder of [readSqliteMigrations, postgresMigrationsFolder])
      expect(readMigrations(folder).find(({ name }) => name === 'wire_words')).toMatchObject({ minReader: number })
  })
})
