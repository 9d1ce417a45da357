import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nextRequest } from '../api/asked.ts'
import { refusal, TestServer } from '../support/server.ts'
import { type Executed, planOf, StatementLog } from '../support/statements.ts'

let statements: Executed[]
let database: Database.Database
let server: TestServer

/** Mail of every kind, and every way to look at it. */
async function aDayOfMail(taskId: string): Promise<void> {
  const lead = server.connect()
  const [cleo, dan] = [await server.agent('cleo'), await server.agent('dan')]
  await cleo.messages.subscribe({ topic: 'walls' })
  const note = { type: 'note', payload: 1 }
  const { id } = await dan.messages.send({ to: 'topic:walls', ...note, threadId: 'talk', taskId, ttlMs: 60_000 })
  await dan.messages.sendMany({
    messages: [
      { to: 'cleo', ...note, ttlMs: 1_000 },
      { to: 'cleo', ...note },
    ],
  })
  await cleo.messages.unsubscribe({ topic: 'walls' })
  await server.advance(1_000)
  const { messages } = await cleo.messages.receive({})
  for (const message of messages) {
    const receipt = { messageId: message.id, receipt: message.receipt }
    await cleo.messages.inProgress(receipt)
    await cleo.messages.term(receipt)
    await cleo.messages.send({ to: 'dan', ...note, replyTo: message.id })
  }
  await refusal(cleo.messages.get({ messageId: id }))
  const boxes = [{}, { box: 'in' }, { box: 'out' }] as const
  const asked = [{}, { status: 'dead' }, { status: 'delivered' }, { type: 'note' }, { taskId }] as const
  for (const box of boxes) {
    for (const filter of [...asked, { status: 'pending', type: 'note', taskId } as const]) {
      await cleo.messages.list({ ...box, ...filter, cursor: '1000' })
      await lead.messages.list({ ...box, ...filter, agent: 'dan' })
    }
  }
  for (const filter of asked) await lead.messages.list({ ...filter, cursor: '1000' })
  for (const who of [lead, cleo]) await who.messages.thread({ threadId: 'talk', cursor: '0' })
  const [first] = (await cleo.messages.deadLetters.list({})).deadLetters
  for (const filter of [{ to: 'cleo' }, { from: 'dan' }, { type: 'note' }, { before: '2026-01-01T00:00:00.000Z' }])
    for (const who of [lead, cleo]) await who.messages.deadLetters.list({ filter, cursor: '0' })
  await lead.messages.deadLetters.redrive({ filter: { messageIds: [first?.id ?? id] } })
  await lead.messages.deadLetters.purge({ filter: {}, limit: 1 })
}

/** Locks, pools, pauses, and tasks that wait so long that they starve. */
async function whoMayTakeWhat(): Promise<void> {
  const [lead, eve] = [server.connect(), await server.agent('eve', { capabilities: ['locks'] })]
  await lead.projects.setPools({ pools: { gpu: 1, none: null } })
  const requires = ['locks']
  const locks = ['file:src/a', 'port:1', 'pool:gpu']
  const spec = { type: 'code', epic: 'locks', priority: 'low' as const, requires, locks }
  const specs = Array.from({ length: 13 }, () => spec)
  const { tasks } = await lead.tasks.createMany({ tasks: specs })
  const waits = await lead.tasks.create({ type: 'code', requires, dependsOn: tasks.map(({ id }) => id) })
  const claimed = (await eve.tasks.claim({ limit: 8 })).tasks.find((task) => task.locks.length > 0)
  if (!claimed) throw new Error('nothing to lock')
  const lease = { taskId: claimed.id, leaseToken: claimed.leaseToken }
  await eve.tasks.lock({ ...lease, locks: ['file:docs', 'pool:gpu'] })
  for (const { id } of [...tasks, waits]) await lead.tasks.explain({ taskId: id })
  await eve.tasks.complete(lease)
  await server.advance(1_000)
  for (const scope of [{ epic: 'locks' }, { agent: 'eve' }, { all: true }] as const) {
    await lead.agents.pause(scope)
    await eve.tasks.claim()
    await server.advance(1_000)
    await lead.agents.resume(scope)
  }
  await lead.agents.drain({ agent: 'eve' })
  await eve.agents.update({ capabilities: ['locks'], metadata: {} })
  await lead.projects.get()
}

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
  await whoMayTakeWhat()
  const unanswered = again.requests.route({ method: 'ts', target: 'bob', timeoutMs: 100 }).catch(() => undefined)
  const answered = lead.requests.route({ method: 'ts' })
  const { requestId } = (await nextRequest(again)).asked
  await again.requests.reply({ requestId, result: 1 })
  await again.requests.reply({ requestId }).catch(() => undefined)
  await answered
  await again.health.report({ errorRate: 0 })
  await lead.health.summary()
  await lead.health.history({ agent: 'ada' })
  await lead.system.metrics()
  await (await fetch(`${server.url}/metrics`)).text()
  await server.advance(6_000)
  await unanswered
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
  await aDayOfMail(parent.id)
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

  test('what a claim must know of its agent and of a task before it takes it', () => {
    expect(find(/^select .* from "agents" inner join "projects"/)).toEqual([
      'SEARCH agents USING INDEX sqlite_autoindex_agents_1 (id=?)',
      'SEARCH projects USING INDEX sqlite_autoindex_projects_1 (id=?)',
      'CORRELATED SCALAR SUBQUERY 1',
      'SEARCH paused_epics USING COVERING INDEX sqlite_autoindex_paused_epics_1 (project_id=?)',
    ])
    expect(find(/^select "id", "attempt", "epic", "locks" from "tasks"/)).toEqual([
      'SEARCH tasks USING INTEGER PRIMARY KEY (rowid=?)',
    ])
  })

  test('a lock that is held, what is held under a path, and the places of a pool', () => {
    const holder = 'SEARCH tasks USING INDEX tasks_id_unique (id=?)'
    expect(find(/from "locks" inner join "tasks"/, '"lock" = ?')).toEqual([
      expect.stringMatching(/^SEARCH locks USING (COVERING )?INDEX .* \(project_id=\? AND lock=\?\)$/),
      holder,
    ])
    expect(find(/from "locks" inner join "tasks"/, '"lock" > ?')).toEqual([
      expect.stringMatching(/^SEARCH locks USING (COVERING )?INDEX .* \(project_id=\? AND lock>\? AND lock<\?\)$/),
      holder,
    ])
    expect(find(/^select count\(\*\) from "locks"/)).toEqual([
      expect.stringMatching(/^SEARCH locks USING COVERING INDEX .* \(project_id=\? AND lock=\?\)$/),
    ])
  })

  test('what waits for a lock, in order, and what else is waited for', () => {
    const parked = statements.filter(({ sql }) => /^select "ord" from "tasks" .*"parked_on" = \?/.test(sql))
    expect(parked.map((statement) => planOf(database, statement)).toSorted()).toEqual([
      ['SEARCH tasks USING COVERING INDEX tasks_parked (project_id=? AND parked_on=? AND rank=?)'],
      ['SEARCH tasks USING COVERING INDEX tasks_parked (project_id=? AND parked_on=?)'],
    ])
    expect(find(/^select "parked_on" from "tasks"/)).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_parked (project_id=? AND parked_on>?)',
    ])
  })

  test('what starves, route by route', () => {
    expect(find(/^select "ready" from "tasks"/)).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_starving (project_id=? AND ready>?)',
    ])
    expect(find(/^select "ord" from "tasks"/, '"ready_at" <= ?')).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_starving (project_id=? AND ready=? AND ready_at<?)',
    ])
    expect(find(/^select "ord" from "tasks"/, '"rank" = 1')).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_ready (project_id=? AND ready=? AND rank=?)',
    ])
  })

  test('the open dependencies of a task that is explained, and the pools of a project', () => {
    expect(find(/from "task_dependencies" inner join "tasks"/)).toEqual([
      'SEARCH task_dependencies USING COVERING INDEX sqlite_autoindex_task_dependencies_1 (task_id=?)',
      'SEARCH tasks USING INDEX tasks_id_unique (id=?)',
    ])
    expect(find(/from "pools" left join "locks"/)).toEqual([
      'SEARCH pools USING INDEX sqlite_autoindex_pools_1 (project_id=?)',
      expect.stringMatching(/^SEARCH locks USING COVERING INDEX .* \(project_id=\? AND lock=\?\) LEFT-JOIN$/),
    ])
  })

  test('the heads of an inbox', () => {
    expect(find(/^select "ord", "priority" from "messages"/)).toEqual([
      'SEARCH messages USING INDEX messages_ready (to_agent=? AND ready=?)',
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

  test('requests whose time is up', () => {
    expect(find(/^select "id" from "requests"/, '"deadline_at" <= ?')).toEqual([
      'SEARCH requests USING INDEX requests_waiting (project_id=? AND deadline_at<?)',
    ])
  })

  test('what an agent reported last, and over a time', () => {
    const reports = statements.filter(({ sql }) => /^select .* from "health_metrics" where/.test(sql))
    expect(reports.length).toBeGreaterThanOrEqual(2)
    for (const report of reports) {
      const visits = planOf(database, report).filter((line) => line.includes('health_metrics'))
      expect(visits, report.sql).toEqual([expect.stringMatching(/^SEARCH .* USING INDEX health_metrics_agent /)])
    }
  })

  test('how busy an agent is', () => {
    const plan = find('from "requests"', 'from "tasks"', /^select/)
    expect(plan).toContainEqual(expect.stringMatching(/^SEARCH requests USING COVERING INDEX requests_of /))
    expect(plan).toContainEqual(expect.stringMatching(/^SEARCH tasks USING COVERING INDEX tasks_held /))
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

describe('a page of mail reads by an index, in its order', () => {
  const pages = (ending: string) =>
    statements.filter(({ sql }) => /^select .* from "messages" where/.test(sql) && sql.includes(ending))

  test('whatever a list or the dead letters are asked for', () => {
    for (const [ending, least] of [
      ['order by "messages"."ord" desc', 20],
      ['order by "messages"."ord" asc', 10],
    ] as const) {
      const found = pages(ending)
      expect(found.length).toBeGreaterThanOrEqual(least)
      for (const page of found) {
        const plan = planOf(database, page)
        expect(plan, page.sql).toHaveLength(1)
        expect(plan[0], page.sql).toMatch(
          /^SEARCH messages USING (COVERING )?INDEX messages_(in|out|sent|task|thread|dead) \(/,
        )
      }
    }
  })

  test('messages whose time is over', () => {
    expect(find(/^select "ord" from "messages"/, '"expires_at" <= ?')).toEqual([
      'SEARCH messages USING COVERING INDEX messages_expiring (project_id=? AND expires_at<?)',
    ])
  })
})

test('no statement of the server reads all tasks, messages or events', () => {
  // An insert's plan names the tables that refer to its own, and visits them only where a reference is already broken.
  const reading = statements.filter(({ sql }) => !sql.startsWith('insert'))
  expect(reading.length).toBeGreaterThan(50)
  const scans = reading.flatMap((statement) =>
    planOf(database, statement)
      .filter((line) => /^SCAN (tasks|messages|events|requests|health_metrics|mailboxes)\b/.test(line))
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
