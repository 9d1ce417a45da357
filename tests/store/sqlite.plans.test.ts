import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tamper } from '../api/given.ts'
import { TestServer } from '../support/server.ts'
import { type Executed, planOf, StatementLog } from '../support/statements.ts'

let statements: Executed[]
let database: Database.Database
let server: TestServer

/** Work of every kind, so that every statement of the operations and the sweeps runs at least once. */
async function workADay(): Promise<void> {
  const lead = server.connect()
  const [ada, bob] = [await server.agent('ada', { capabilities: ['ts'] }), await server.agent('bob')]
  await server.agent('ada', { capabilities: ['ts'] })
  const again = await server.agent('ada', { capabilities: ['ts'] })
  const parent = await lead.tasks.create({ type: 'story', epic: 'walls', idempotencyKey: 'k' })
  const later = new Date(server.clock.wall() + 500).toISOString()
  await lead.tasks.create({ type: 'late', notBefore: later })
  const child = { type: 'code', parentId: parent.id, dependsOn: [parent.id], requires: ['ts'], epic: 'walls' }
  await lead.tasks.create({ ...child, assignedTo: 'ada' })
  await lead.tasks.createMany({
    tasks: [
      { type: 'a', key: 'a' },
      { type: 'b', dependsOn: ['a'] },
      ...Array.from({ length: 9 }, () => ({ type: 'c' })),
    ],
  })
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({
    planId,
    tasks: [
      { externalId: 'x', type: 'code' },
      { externalId: 'y', type: 'code', dependsOn: ['x'] },
    ],
  })
  await lead.plans.commit({ planId })
  const { tasks } = await bob.tasks.claim({ limit: 8, leaseMs: 5_000 })
  const [first, second, third, fourth, fifth] = tasks.map(({ id, leaseToken }) => ({ taskId: id, leaseToken }))
  if (!first || !second || !third || !fourth || !fifth) throw new Error('nothing to do')
  await bob.agents.heartbeat({ leases: [first, second, third, fourth, fifth], health: { cpuUsage: 0.5 } })
  await bob.tasks.extend(first)
  await bob.tasks.progress({ ...first, percent: 50 })
  await bob.tasks.next({ completed: first })
  await bob.tasks.complete(second)
  await bob.tasks.fail({ ...third, error: 'no', nextRetryDelayMs: 100 })
  await bob.tasks.release(fourth)
  await lead.tasks.cancel({ taskId: fifth.taskId })
  await bob.agents.heartbeat({ leases: [] })
  await bob.agents.heartbeat({ leases: [] })
  await lead.messages.send({ to: 'bob', type: 'note', payload: 1, threadId: 't' })
  await bob.messages.send({ to: '*', type: 'note', payload: 1 })
  await bob.messages.send({ to: 'role:developer', type: 'note', payload: 1, taskId: parent.id })
  await lead.messages.send({ to: 'bob', type: 'note', payload: 2 })
  const { messages } = await bob.messages.receive({ ackWaitMs: 1_000 })
  const [one, two] = messages.map(({ id, receipt }) => ({ messageId: id, receipt }))
  if (one) await bob.messages.ack(one)
  if (two) await bob.messages.nak({ ...two, delayMs: 100 })
  await again.messages.receive({ ackWaitMs: 1_000 })
  await bob.tasks.claim({ limit: 8, leaseMs: 5_000, idempotencyKey: 'claim' })
  await server.advance(6_000)
  await server.advance(6_000)
  await server.advance(90_000_000)
  const filters = [
    {},
    { status: 'pending' },
    { type: 'code' },
    { epic: 'walls' },
    { claimedBy: bob.id },
    { parentId: parent.id },
  ] as const
  for (const filter of filters) {
    const page = await lead.tasks.list({ ...filter, limit: 1 })
    if (page.nextCursor !== null) await lead.tasks.list({ ...filter, limit: 1, cursor: page.nextCursor })
  }
  await lead.tasks.get({ taskId: 'x' })
  await lead.tasks.tree({ taskId: parent.id })
  await lead.agents.list({})
  await lead.agents.get({ agent: ada.name })
  const { cursor } = await lead.events.list({ limit: 1 })
  await lead.events.list({ cursor, types: ['task.created'], epic: 'walls' })
  for await (const _ of lead.events.subscribe({ cursor })) break
  await lead.agents.unregister({ agent: 'bob' })
  await leave()
}

/** Time enough that all that is over goes: the sockets first, which would be asked for signs of life all the while. */
async function leave(): Promise<void> {
  const { config } = server.parts
  const long = Math.max(...Object.values(config.retention).map(({ ms }) => ms))
  tamper(server, `update tasks set completed_at = completed_at - ${2 * long} where completed_at is not null`)
  tamper(server, `update tasks set created_at = created_at - ${2 * long}`)
  tamper(server, `update tasks set agent_id = null where status <> 'in_progress'`)
  tamper(server, `update messages set status = 'acked', ready = null`)
  tamper(server, `update messages set created_at = created_at - ${2 * long}, ended_at = created_at - ${2 * long}`)
  for (const [table, column] of [
    ['events', 'at'],
    ['health_metrics', 'timestamp'],
    ['agents', 'last_activity'],
    ['plans', 'created_at'],
  ])
    tamper(server, `update ${table} set ${column} = ${column} - ${2 * long}`)
  tamper(server, `insert into routes (project_id, requires, assigned_to) select id, '["unused"]', '' from projects`)
  tamper(
    server,
    `insert into requests (id, project_id, method, to_agent, message_id, status, created_at, deadline_at)
     select 'r', project_id, 'm', id, 'm', 'replied', 1, 1 from agents limit 1`,
  )
  await server.sweep()
  await server.sweep()
}

beforeAll(async () => {
  server = await TestServer.start()
  using log = new StatementLog()
  await workADay()
  statements = log.executed.filter(({ sql }) => /^(select|update|insert|delete|with)/i.test(sql))
  database = new Database(server.database, { readonly: true })
})
afterAll(async () => {
  database.close()
  await server[Symbol.asyncDispose]()
})

/** The statement that has all of these in it. */
function find(...parts: readonly (string | RegExp)[]): string[] {
  const found = statements.filter(({ sql }) =>
    parts.every((part) => (typeof part === 'string' ? sql.includes(part) : part.test(sql))),
  )
  expect(found.map(({ sql }) => sql)).toHaveLength(1)
  return found.flatMap((statement) => planOf(database, statement))
}

describe('a query that is run all the time reads only what it needs:', () => {
  test('the heads of a route, for a claim', () => {
    expect(find(/^select "ord", "rank" from "tasks"/)).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_ready (project_id=? AND ready=?)',
    ])
  })

  test('the heads of an inbox', () => {
    expect(find(/^select "ord", "priority" from "messages"/)).toEqual([
      'SEARCH messages USING COVERING INDEX messages_ready (to_agent=? AND ready=?)',
    ])
  })

  test('what an agent has in flight', () => {
    expect(find(/^select count\(\*\) from "messages"/)).toEqual([
      'SEARCH messages USING COVERING INDEX messages_in_flight (to_agent=?)',
    ])
  })

  test('leases that ran out', () => {
    expect(find(/^select "ord" from "tasks"/, '"lease_expires_at" <= ?')).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_leases (project_id=? AND lease_expires_at<?)',
    ])
  })

  test('tasks and messages that are due', () => {
    expect(find(/^select "ord" from "tasks"/, '"not_before" <= ?')).toEqual([
      'SEARCH tasks USING INDEX tasks_due (project_id=? AND not_before<?)',
    ])
    expect(find(/^select "ord" from "messages"/, '"not_before" <= ?')).toEqual([
      'SEARCH messages USING INDEX messages_due (project_id=? AND not_before<?)',
    ])
  })

  test('deliveries that were not acked in time', () => {
    const plans = statements
      .filter(({ sql }) => /^select "ord" from "messages"/.test(sql) && sql.includes('"ack_by" <= ?'))
      .map((statement) => planOf(database, statement))
    expect(plans).toHaveLength(2)
    for (const plan of plans) {
      expect(plan).toEqual(['SEARCH messages USING COVERING INDEX messages_unacked (project_id=? AND ack_by<?)'])
    }
  })

  test('a page of the feed', () => {
    expect(find(/^select .* from "events"/, '"seq" > ?')).toEqual([
      'SEARCH events USING INDEX sqlite_autoindex_events_1 (project_id=? AND seq>?)',
    ])
  })

  test('a page of a list, by any filter and without one', () => {
    const lists = statements.filter(({ sql }) =>
      /^select .* from "tasks" where .* order by "tasks"."ord" limit/.test(sql),
    )
    expect(lists.length).toBeGreaterThanOrEqual(7)
    for (const list of lists) {
      const plan = planOf(database, list)
      expect(plan, list.sql).toHaveLength(1)
      expect(plan[0], list.sql).toMatch(/^SEARCH tasks USING INDEX tasks_(created|status|epic|parent) /)
    }
  })
})

test('no statement of the server reads all tasks, messages or events', () => {
  // An insert's plan names the tables that refer to its own, and visits them only where a reference is already broken.
  const reading = statements.filter(({ sql }) => !sql.startsWith('insert'))
  expect(reading.length).toBeGreaterThan(50)
  const scans = reading.flatMap((statement) =>
    planOf(database, statement)
      .filter((line) => /^SCAN (tasks|messages|events)\b/.test(line))
      .map((line) => `${line}: ${statement.sql}`),
  )
  expect(scans).toEqual([])
})

test('no statement sorts tasks, messages or events', () => {
  const sorts = statements.filter((statement) =>
    planOf(database, statement).some((line) => line.includes('TEMP B-TREE')),
  )
  expect(sorts.map(({ sql }) => sql).filter((sql) => /(from|update) "(tasks|messages|events)"/.test(sql))).toEqual([])
})

test('what retention removes takes nothing with it by reading a whole table', () => {
  const removals = statements.filter(({ sql }) => /^delete from/.test(sql))
  const tables = removals.map(({ sql }) => /^delete from "(\w+)"/.exec(sql)?.[1])
  const classes = ['events', 'tasks', 'messages', 'health_metrics', 'agents', 'plans', 'requests', 'routes', 'bodies']
  expect(tables).toEqual(expect.arrayContaining(classes))
  const scans = removals.flatMap((statement) =>
    planOf(database, statement)
      .filter((line) => line.startsWith('SCAN'))
      .map((line) => `${line}: ${statement.sql}`),
  )
  expect(scans).toEqual([])
})
