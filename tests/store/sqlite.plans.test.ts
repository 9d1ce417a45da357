import type { Client } from '@tony/mcp-client'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { refusal, type TestAgent, TestServer } from '../support/server.ts'
import { type Executed, planOf, StatementLog } from '../support/statements.ts'

let statements: Executed[]
let database: Database.Database
let server: TestServer

/** What becomes of tasks beside being completed: questions, verdicts, late results, retries, time limits, changes. */
async function oddJobs(lead: Client, worker: TestAgent, tester: TestAgent): Promise<void> {
  const create = (spec: object) => lead.tasks.create({ type: 'odd', assignedTo: worker.id, epic: 'odd', ...spec })
  const claim = async () => leaseOf(await claimOne(worker, { leaseMs: 3_600_000 }))
  const verified = await create({ acceptance: 'verify' })
  for (const accept of [false, true]) {
    await worker.tasks.complete({ ...(await claim()), artifacts: [{ name: 'a', uri: 'file:a' }] })
    await tester.tasks.verify({ taskId: verified.id, accept })
  }
  const late = await create({ acceptance: 'verify' })
  const lease = await claim()
  await worker.tasks.release(lease)
  await refusal(worker.tasks.complete(lease))
  await lead.tasks.adopt({ taskId: late.id, attempt: 1 })
  await tester.tasks.verify({ taskId: late.id, accept: true })
  const { id: taskId } = await create({ startToCloseMs: 1_000 })
  const after = await create({ dependsOn: [taskId], onDependencyFailure: 'fail', story: 's', parentId: verified.id })
  await worker.tasks.requestInput({ ...(await claim()), question: '?' })
  await lead.tasks.provideInput({ taskId, answer: 1 })
  await worker.tasks.requestInput({ ...(await claim()), question: '?', deadlineMs: 1_000, defaultAnswer: 1 })
  await server.advance(1_000)
  await claim()
  await server.advance(1_000)
  const waiting = await lead.tasks.get({ taskId: after.id })
  const other = await create({ requires: ['none'], scheduleToStartMs: 1_000 })
  const change = { dependsOn: [taskId, other.id], assignedTo: null, title: 't' }
  await lead.tasks.update({ taskId: after.id, expectedRevision: waiting.revision, ...change })
  await server.advance(1_000)
  await lead.tasks.retry({ taskId: other.id })
  const filters = [
    { taskIds: [after.id, other.id] },
    { epic: 'odd' },
    { story: 's' },
    { parentId: verified.id },
    { status: 'pending' as const, type: 'odd' },
    { assignedTo: worker.id },
    { epic: 'odd', type: 'odd', status: 'blocked' as const },
  ]
  for (const filter of filters) await lead.tasks.retryMany({ filter })
  for (const filter of filters) await lead.tasks.cancelMany({ filter, limit: 1 })
  const { planId } = await lead.plans.begin({ name: 'aborted' })
  await lead.plans.abort({ planId })
}

/** Work of every kind, so that every statement of the operations and the sweeps runs at least once. */
async function workADay(): Promise<void> {
  const lead = server.connect()
  await oddJobs(lead, await server.agent('odd'), await server.agent('tester', { role: 'tester' }))
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

  test('tasks whose time limit is over', () => {
    expect(find(/^select .* from "tasks"/, '"timeout_at" <= ?')).toEqual([
      'SEARCH tasks USING INDEX tasks_timeouts (project_id=? AND timeout_at<?)',
    ])
  })

  test('the tasks that a bulk verb is for, by the index of what its filter names', () => {
    const found = statements.filter(({ sql }) =>
      /^select "id" from "tasks" where \(*"tasks"."project_id" = \? and "tasks"."status"/.test(sql),
    )
    expect(found.length).toBeGreaterThanOrEqual(7)
    const indexes = {
      id: 'tasks_id_unique',
      epic: 'tasks_epic',
      story: 'tasks_story',
      parent_id: 'tasks_parent',
    }
    for (const one of found) {
      const named = Object.entries(indexes).filter(([column]) => one.sql.includes(`and "tasks"."${column}" `))
      const plan = planOf(database, one)
      expect(plan, one.sql).toHaveLength(1)
      const index = /USING INDEX (\w+)/.exec(plan[0] ?? '')?.[1]
      expect(named.length === 0 ? ['tasks_status'] : named.map(([, name]) => name), one.sql).toContain(index)
    }
  })

  test('a page of the feed', () => {
    expect(find(/^select .* from "events"/, '"seq" > ?')).toEqual([
      'SEARCH events USING INDEX sqlite_autoindex_events_1 (project_id=? AND seq>?)',
    ])
  })

  test('a page of a list, by any filter and without one', () => {
    const lists = statements.filter(({ sql }) =>
      /^select "ord", .* from "tasks" where .* order by "tasks"."ord" limit/.test(sql),
    )
    expect(lists.length).toBeGreaterThanOrEqual(7)
    for (const list of lists) {
      const plan = planOf(database, list)
      expect(plan, list.sql).toHaveLength(1)
      expect(plan[0], list.sql).toMatch(/^SEARCH tasks USING INDEX tasks_(created|status|epic|story|parent) /)
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
