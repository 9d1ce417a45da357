import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrateSqlite, readMigrations } from '@tony/mcp-server/store/migrations/migrate'
import { migratePostgres } from '@tony/mcp-server/store/postgres/migrate'
import { postgresMigrationsFolder } from '@tony/mcp-server/store/postgres/postgres'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { ManualClock } from '../support/clock.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { refusal, TestServer, type TestServerOptions, take } from '../support/server.ts'
import { upTo } from './given.ts'

const readSqliteMigrations = new URL('../../drizzle/sqlite', import.meta.url)
const minute = 60_000

/** Number of the migration that begins the pages of events. */
const { number = 0 } = readMigrations(readSqliteMigrations).find(({ name }) => name === 'event_pages') ?? {}

const idOf = (seq: number): string => `00000000-0000-7000-8000-0000000000${10 + seq}`
const [task, message, ada, bob] = ['1', '2', '3', '4'].map((digit) => `00000000-0000-7000-8000-00000000000${digit}`)

/** Rows of a program from before that migration: five events of a task and of a message. */
const rowsAt = (at: number): readonly string[] => {
  const event = (seq: number, values: string, data: object) =>
    `INSERT INTO events (project_id, seq, at, type, subject, actor, task_id, epic, audience, data, request_id)
     VALUES ('p', ${seq}, ${at}, ${values}, '${JSON.stringify(data)}', '${idOf(seq)}')`
  return [
    `INSERT INTO projects (id, name, created_at, seq) VALUES ('p', 'default', ${at}, 5)`,
    `INSERT INTO store_facts VALUES ('last_commit', '${at}')`,
    event(1, `'task.created', '${task}', null, '${task}', 'walls', null`, { status: 'pending', type: 'code' }),
    event(2, `'task.claimed', '${task}', '${ada}', '${task}', 'walls', null`, { attempt: 1, agentId: ada }),
    event(3, `'message.sent', '${message}', '${ada}', null, null, '["${ada}","${bob}"]'`, { from: ada, to: bob }),
    event(4, `'task.completed', '${task}', '${ada}', '${task}', 'walls', null`, { attempt: 1, agentId: ada }),
    event(5, `'agent.offline', '${ada}', null, null, null, null`, { name: 'ada' }),
  ]
}

/** Starts a server on a database of an older program. */
interface Carried {
  readonly engine: string
  start(clock: ManualClock, options: TestServerOptions): Promise<TestServer & { readonly drop: () => Promise<void> }>
}

const withDrop = (server: TestServer, drop: () => Promise<void>) => Object.assign(server, { drop })

const onSqlite: Carried = {
  engine: 'a SQLite file',
  start: async (clock, options) => {
    const folder = mkdtempSync(join(tmpdir(), 'tony-pages-'))
    const database = new Sqlite(join(folder, 'test.db'))
    migrateSqlite(database, readMigrations(readSqliteMigrations).slice(0, number), 0)
    for (const row of rowsAt(clock.wall())) database.exec(row)
    database.close()
    const server = await TestServer.start({ ...options, folder, clock })
    return withDrop(server, async () => rmSync(folder, { recursive: true }))
  },
}

const onPostgresDatabase: Carried = {
  engine: 'a PostgreSQL database',
  start: async (clock, options) => {
    const database = await Database.create({ empty: true })
    await database.raw(async (client) => {
      await migratePostgres(client, readMigrations(postgresMigrationsFolder).slice(0, number))
      for (const row of rowsAt(clock.wall())) await client.query(row)
    })
    const server = await TestServer.start({ ...options, clock, postgres: { url: database.url, notify: false } })
    return withDrop(server, () => database[Symbol.asyncDispose]())
  },
}

const seqsOf = (events: readonly { readonly seq: number }[]): number[] => events.map(({ seq }) => seq)

const all = postgresServer === undefined ? [onSqlite] : [onSqlite, onPostgresDatabase]

test.each(all)(
  'a feed goes on from the rows of $engine into pages, for old cursors, filters and subscribers',
  async ({ start }) => {
    const server = await start(new ManualClock(), {})
    try {
      const lead = server.connect()
      const { cursor: end } = await lead.events.list({})
      const was = end.split('.')[0]
      for (const type of ['a', 'b']) await lead.tasks.create({ type, epic: 'walls' })
      await lead.tasks.createMany({ tasks: upTo(3).map(() => ({ type: 'c' })) })
      for (const after of upTo(9)) {
        const { events, more } = await lead.events.list({ cursor: `${was}.${after}` })
        expect(seqsOf(events)).toEqual(upTo(10).slice(after))
        expect(more).toBe(false)
      }
      expect(seqsOf((await lead.events.list({ limit: 7 })).events)).toEqual(upTo(7))
      expect(seqsOf((await lead.events.list({ epic: 'walls' })).events)).toEqual([1, 2, 4, 6, 7])
      expect(seqsOf((await lead.events.list({ types: ['task.created'] })).events)).toEqual([1, 6, 7, 8, 9, 10])
      expect(seqsOf((await lead.events.list({ agentId: ada ?? '' })).events)).toEqual([2, 3, 4, 5])
      expect(seqsOf(await take(lead.events.subscribe({ cursor: `${was}.3` }), 7))).toEqual(upTo(10).slice(3))
      const { mutations } = await lead.audit.list({ of: 'mutations' })
      expect(mutations.slice(0, 5)).toMatchObject(upTo(5).map((seq) => ({ seq, requestId: idOf(seq) })))
      expect(mutations).toHaveLength(10)
      const log = server.query<{ seq: number; data: string }>('select seq, data from event_log order by seq')
      expect(seqsOf(log)).toEqual(upTo(10))
    } finally {
      await server.stop()
      await server.drop()
    }
  },
)

test.each(all)('retention deletes the rows of $engine first, and then pages', async ({ start }) => {
  const retention = { events: { ms: 10 * minute, maxRows: 0 } }
  const server = await start(new ManualClock(), { config: { retention: { ...keepAll, ...retention } } })
  try {
    const lead = server.connect()
    const { cursor } = await lead.events.list({ limit: 1 })
    await server.advance(6 * minute)
    await lead.tasks.createMany({ tasks: upTo(3).map(() => ({ type: 'new' })) })
    await server.advance(5 * minute)
    const refused = await refusal(lead.events.list({ cursor }))
    expect(refused).toMatchObject({ code: 'CURSOR_EXPIRED', details: { earliest: cursor.replace('.1', '.5') } })
    expect(seqsOf((await lead.events.list({})).events)).toEqual([6, 7, 8])
    expect(server.query('select seq from events')).toEqual([])
    await server.advance(6 * minute)
    expect((await lead.events.list({})).events).toEqual([])
    const { earliest } = (await refusal(lead.events.list({ cursor }))).details as { earliest: string }
    expect(earliest).toBe(cursor.replace('.1', '.8'))
  } finally {
    await server.stop()
    await server.drop()
  }
})

const never = { ms: 0, maxRows: 0 }
const keepAll = {
  tasks: never,
  messages: never,
  health: never,
  agents: never,
  plans: never,
  sessions: never,
  denials: never,
}
