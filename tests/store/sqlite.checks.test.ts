import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { numberFor } from '../support/ids.ts'
import { type Opened, openedSqlite, projectOf } from '../support/store.ts'
import { addAgent } from './given.ts'

let opened: Opened
let project: string

beforeAll(async () => {
  opened = await openedSqlite()
  project = await projectOf(opened.store)
  await addAgent(opened.store, project, 'ada')
  await opened.store.transact({ project }, ({ db, t }) =>
    db.insert(t.routes).values({ projectId: project, requires: '[]', assignedTo: '' }),
  )
})
afterAll(() => opened[Symbol.asyncDispose]())

type Row = Readonly<Record<string, string | number | null>>

const literal = (value: string | number | null) => (typeof value === 'string' ? `'${value}'` : String(value))

/** The columns with a number in place of an id, by table. No row has the number 0. */
const numbered: Readonly<Record<string, readonly string[]>> = {
  messages: ['project_id', 'to_agent'],
  tasks: ['project_id', 'agent_id'],
}

/**
 * Inserts a row without the rules of the operations. Returns the name of the table's rule that
 * refuses it.
 */
async function insert(table: string, row: Row): Promise<string> {
  const values = Object.entries(row).map(([name, value]) =>
    value !== null && numbered[table]?.includes(name) ? `coalesce(${numberFor(literal(value))}, 0)` : literal(value),
  )
  const text = `insert into ${table} (${Object.keys(row).join(', ')}) values (${values.join(', ')})`
  const error: unknown = await opened.store
    .transact({ project }, ({ db }) => db.run(sql.raw(text)))
    .then(
      () => undefined,
      (refused: unknown) => refused,
    )
  if (error === undefined) return 'accepted'
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}

let rows = 0
const task = (changed: Row): Promise<string> => {
  rows += 1
  const good = {
    id: `t${rows}`,
    project_id: project,
    type: 't',
    requires: '[]',
    priority: 2,
    status: 'pending',
    route_id: 1,
    max_attempts: 3,
    metadata: '{}',
    created_at: 0,
  }
  return insert('tasks', { ...good, ...changed })
}
const message = (changed: Row): Promise<string> => {
  rows += 1
  const good = {
    id: `m${rows}`,
    project_id: project,
    to_agent: 'ada',
    type: 't',
    payload: '{}',
    priority: 2,
    created_at: 0,
    max_deliver: 5,
  }
  return insert('messages', { ...good, ...changed })
}

describe('the table of tasks refuses', () => {
  const lease = { lease_token: 'token', agent_id: 'ada' }
  test.each<[string, Row, string]>([
    ['a status that does not exist', { status: 'done' }, 'tasks_status_known'],
    ['a lease without a token', { status: 'in_progress', agent_id: 'ada' }, 'tasks_lease_with_holder'],
    ['a lease without a holder', { status: 'in_progress', lease_token: 'token' }, 'tasks_lease_with_holder'],
    [
      'a task with a lease that can be claimed',
      { status: 'in_progress', ...lease, ready: 1 },
      'tasks_ready_is_pending',
    ],
    ['a completed task that can be claimed', { status: 'completed', ready: 1 }, 'tasks_ready_is_pending'],
    ['a blocked task that can be claimed', { status: 'blocked', ready: 1, open_deps: 1 }, 'tasks_ready_is_pending'],
    [
      'a pending task that can be claimed before its dependencies',
      { ready: 1, open_deps: 1 },
      'tasks_ready_is_pending',
    ],
    ['fewer than no dependencies', { open_deps: -1 }, 'tasks_deps_counted'],
    ['a holder that does not exist', { agent_id: 'nobody' }, 'FOREIGN KEY'],
    ['a claim group that does not exist', { route_id: 99 }, 'FOREIGN KEY'],
    ['a project that does not exist', { project_id: 'nowhere' }, 'FOREIGN KEY'],
  ])('%s', async (_, changed, rule) => {
    expect(await task(changed)).toContain(rule)
  })

  test('a second task with an id, or with an external id in its project', async () => {
    expect(await task({ id: 'same', external_id: 'x' })).toBe('accepted')
    expect(await task({ id: 'same' })).toContain('UNIQUE')
    expect(await task({ external_id: 'x' })).toContain('UNIQUE')
  })

  test('no row that keeps the rules', async () => {
    expect(await task({ ready: 1 })).toBe('accepted')
    expect(await task({ status: 'in_progress', ...lease })).toBe('accepted')
    expect(await task({ status: 'blocked', open_deps: 2 })).toBe('accepted')
    expect(await task({ status: 'completed', ...lease })).toBe('accepted')
  })
})

describe('the table of messages refuses', () => {
  test.each<[string, Row, string]>([
    ['a status that does not exist', { status: 'read' }, 'messages_status_known'],
    ['a delivery without a receipt', { status: 'delivered' }, 'messages_receipt_when_delivered'],
    ['a message without a payload', { payload: null }, 'messages_one_payload'],
    ['a body that does not exist', { payload: null, body_id: 'none' }, 'FOREIGN KEY'],
    ['a recipient that does not exist', { to_agent: 'nobody' }, 'FOREIGN KEY'],
  ])('%s', async (_, changed, rule) => {
    expect(await message(changed)).toContain(rule)
  })

  test('a message with two payloads', async () => {
    expect(await insert('bodies', { id: 'body', payload: '{}' })).toBe('accepted')
    expect(await message({ body_id: 'body' })).toContain('messages_one_payload')
    expect(await message({ payload: null, body_id: 'body' })).toBe('accepted')
  })
})

test('a name of an agent exists once in a project', async () => {
  await expect(addAgent(opened.store, project, 'ada')).rejects.toSatisfy((error) =>
    opened.store.isUniqueViolation(error),
  )
})
