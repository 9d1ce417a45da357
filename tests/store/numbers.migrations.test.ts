import { migrateSqlite, readMigrations } from '@tony/mcp-server/store/migrations/migrate'
import { messageStatuses } from '@tony/mcp-shared/messages'
import { taskStatuses } from '@tony/mcp-shared/task-statuses'
import type Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { showIds } from '../support/ids.ts'
import { StoreFolder } from '../support/store.ts'

const shipped = readMigrations(new URL('../../drizzle/sqlite', import.meta.url))
const { number = 0 } = shipped.find(({ name }) => name === 'message_numbers') ?? {}

const agents = ['ada', 'bob', 'cyd']
const at = Date.parse('2026-01-02T03:04:05.678Z')

const message = (id: string, status: string, from: string | null, to: string) =>
  `INSERT INTO messages (id, project_id, from_agent, to_agent, type, payload, priority, mode, status, ready, receipt, created_at, max_deliver)
   VALUES ('${id}', 'p-${to}', ${from === null ? 'null' : `'${from}'`}, '${to}', 'note', '{"of":"${id}"}', 1, 2, '${status}',
     ${status === 'pending' ? 1 : 'null'}, ${status === 'delivered' ? "'receipt'" : 'null'}, ${at}, 5)`

const task = (id: string, status: string, agent: string | null) =>
  `INSERT INTO tasks (id, project_id, agent_id, type, epic, requires, priority, status, route_id, lease_token, max_attempts, metadata, created_at, completed_at)
   VALUES ('${id}', 'p-ada', ${agent === null ? 'null' : `'${agent}'`}, 'code', 'walls', '[]', 1, '${status}', 1, 'token', 3, '{}', ${at},
     ${status === 'completed' ? at : 'null'})`

/** Rows of a program from before the migrations, with messages and tasks in each status. */
const rows = [
  ...agents.flatMap((name) => [
    `INSERT INTO projects (id, name, created_at) VALUES ('p-${name}', '${name}', 0)`,
    `INSERT INTO agents (id, project_id, name, type, role, capabilities, registered_at, last_activity, metadata)
     VALUES ('${name}', 'p-${name}', '${name}', 'code', 'developer', '[]', ${at}, 0, '{}')`,
  ]),
  ...agents.flatMap((to) => messageStatuses.map((status) => message(`${status} ${to}`, status, 'bob', to))),
  // The sender was deleted, or there is none.
  message('orphan', 'pending', 'dan', 'ada'),
  message('nobody', 'pending', null, 'ada'),
  message('purged', 'acked', 'bob', 'cyd'),
  `INSERT INTO delivery_failures (message_id, attempt, at, reason) VALUES ('dead ada', 1, 0, 'nak')`,
  `DELETE FROM messages WHERE id = 'purged'`,
  `INSERT INTO routes (project_id, requires, assigned_to) VALUES ('p-ada', '[]', '')`,
  ...taskStatuses.map((status) => task(status, status, ['blocked', 'pending'].includes(status) ? null : 'bob')),
  task('gone', 'cancelled', null),
  `INSERT INTO task_dependencies (task_id, depends_on_id) VALUES ('blocked', 'pending')`,
  `DELETE FROM tasks WHERE id = 'gone'`,
]

const all = (database: Database.Database, query: string) => database.prepare(query).all()

/** The rows that the migration rewrites, with ids. */
const readRows = (database: Database.Database) => ({
  messages: all(database, 'SELECT * FROM messages ORDER BY ord'),
  mailboxes: all(database, 'SELECT * FROM mailboxes ORDER BY agent_id'),
  failures: all(database, 'SELECT * FROM delivery_failures'),
  tasks: all(database, 'SELECT * FROM tasks ORDER BY ord'),
  counts: all(database, 'SELECT * FROM task_counts ORDER BY status'),
})

function migrated(folder: StoreFolder) {
  folder.raw((database) => {
    migrateSqlite(database, shipped.slice(0, number), 0)
    for (const row of rows) database.exec(row)
  })
  const before = folder.raw(readRows)
  folder.raw((database) => migrateSqlite(database, shipped, 1))
  return before
}

describe('the migrations to numbers for projects and agents', () => {
  test('keep every message, inbox, task and count', () => {
    using folder = new StoreFolder()
    const before = migrated(folder)
    expect(before.messages).toHaveLength(17)
    const after = folder.raw((database) => {
      showIds(database)
      return readRows(database)
    })
    expect(before.tasks).toHaveLength(taskStatuses.length)
    // A later migration may add columns.
    expect(after).toMatchObject(before)
    const kinds = 'SELECT typeof(to_agent) AS kind FROM messages UNION SELECT typeof(project_id) FROM tasks'
    expect(folder.raw((database) => all(database, kinds))).toEqual([{ kind: 'integer' }])
  })

  test('reuse no number of a deleted row, and the counters go on counting', () => {
    using folder = new StoreFolder()
    migrated(folder)
    folder.raw((database) => {
      database.exec(`INSERT INTO messages (id, project_id, to_agent, type, payload, priority, created_at, max_deliver)
        SELECT 'next', project_id, agent_id, 'note', '1', 2, 0, 5 FROM mailboxes
        WHERE agent_id = (SELECT number FROM identifiers WHERE id = 'cyd')`)
      expect(all(database, "SELECT ord FROM messages WHERE id = 'next'")).toEqual([{ ord: 19 }])
      database.exec(`INSERT INTO tasks (id, project_id, type, epic, requires, priority, status, route_id, max_attempts, metadata, created_at)
        SELECT 'next', project_id, 'code', 'walls', '[]', 1, 'pending', 1, 3, '{}', 0 FROM tasks WHERE id = 'pending'`)
      expect(all(database, "SELECT ord FROM tasks WHERE id = 'next'")).toEqual([{ ord: 10 }])
      expect(all(database, "SELECT tasks FROM task_counts WHERE epic = 'walls' AND status = 'pending'")).toEqual([
        { tasks: 2 },
      ])
      showIds(database)
      expect(all(database, "SELECT accepted, pending, purged FROM mailboxes WHERE agent_id = 'cyd'")).toEqual([
        { accepted: 7, pending: 2, purged: 1 },
      ])
    })
  })

  test('leave views that show ids, words and times', () => {
    using folder = new StoreFolder()
    migrated(folder)
    folder.raw((database) => {
      expect(all(database, "SELECT * FROM messages_readable WHERE id = 'acked ada'")).toEqual([
        expect.objectContaining({
          project_id: 'p-ada',
          from_agent: 'bob',
          to_agent: 'ada',
          status: 'acked',
          priority: 'high',
          mode: 'turn_end',
          payload: '{"of":"acked ada"}',
          created_at: '2026-01-02T03:04:05.678Z',
          ended_at: null,
        }),
      ])
      expect(all(database, "SELECT id, registered_at FROM agents_readable WHERE id = 'ada'")).toEqual([
        { id: 'ada', registered_at: '2026-01-02T03:04:05.678Z' },
      ])
      expect(all(database, "SELECT * FROM tasks_readable WHERE id = 'completed'")).toEqual([
        expect.objectContaining({
          project_id: 'p-ada',
          agent_id: 'bob',
          priority: 'high',
          completed_at: '2026-01-02T03:04:05.678Z',
        }),
      ])
      expect(all(database, 'SELECT * FROM health_metrics_readable')).toEqual([])
    })
  })

  test('let no agent go that has an inbox', () => {
    using folder = new StoreFolder()
    migrated(folder)
    folder.raw((database) => {
      expect(() => database.exec("DELETE FROM agents WHERE id = 'ada'")).toThrow('FOREIGN KEY')
    })
  })
})
