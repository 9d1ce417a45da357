import { statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { numbered, upTo } from '../store/given.ts'
import { onPostgres, refusal, type TestServer } from '../support/server.ts'
import { claimOne, leaseOf, receiptOf, receiveOne, rows, tamper } from './given.ts'
import { count, keeping } from './kept.ts'

const minute = 60_000

describe('events', () => {
  test('are deleted from the start of the feed when they are old, and an earlier cursor is expired', async () => {
    await using server = await keeping({ events: { ms: 10 * minute, maxRows: 0 } })
    const lead = server.connect()
    await lead.tasks.create({ type: 'old' })
    await lead.tasks.create({ type: 'old' })
    const { cursor: before } = await lead.events.list({ limit: 1 })
    await server.advance(6 * minute)
    await lead.tasks.create({ type: 'new' })
    await server.advance(5 * minute)
    const { events, cursor } = await lead.events.list({})
    expect(events.map(({ seq }) => seq)).toEqual([3])
    expect(await refusal(lead.events.list({ cursor: before }))).toMatchObject({
      code: 'CURSOR_EXPIRED',
      details: { earliest: cursor.replace('.3', '.2') },
    })
    await server.advance(6 * minute)
    expect((await lead.events.list({})).events).toEqual([])
    await lead.tasks.create({ type: 'newer' })
    expect((await lead.events.list({ cursor })).events.map(({ seq }) => seq)).toEqual([4])
  })

  test('beyond a number are deleted oldest first, in batches and in whole pages', async () => {
    await using server = await keeping({ events: { ms: 0, maxRows: 20 } })
    const lead = server.connect()
    for (const _ of upTo(3)) await lead.tasks.createMany({ tasks: upTo(100).map(() => ({ type: 'code' })) })
    await server.sweep()
    const { events } = await lead.events.list({ limit: 500 })
    // Each call was one commit and therefore one page.
    expect(events.map(({ seq }) => seq)).toEqual(upTo(100).map((index) => 200 + index))
  })

  test('that are deleted during a read end it with an error: there is no gap', async () => {
    await using server = await keeping({ events: { ms: 0, maxRows: 1 } })
    const lead = server.connect()
    for (const _ of upTo(9)) await lead.tasks.create({ type: 'code' })
    const [project] = rows<{ id: string }>(server, 'select id from projects')
    await server.sweep()
    const reading = server.parts.feeds.feedOf(project?.id ?? '').eventsAfter(3, 100)
    await expect(reading).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
  })
})

describe('tasks', () => {
  test('are deleted long after their end with all their rows, and the counters stay right', async () => {
    await using server = await keeping({ tasks: { ms: 10 * minute, maxRows: 0 } })
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const waiting = await lead.tasks.create({ type: 'waiting', requires: ['nobody has this'] })
    for (const type of ['done', 'cancelled', 'late']) await lead.tasks.create({ type, epic: 'walls' })
    const done = await claimOne(ada)
    await ada.tasks.complete(leaseOf(done))
    tamper(server, `insert into artifacts (task_id, name, uri, attempt, at) values ('${done.id}', 'a', 'u', 1, 1)`)
    const cancelled = await claimOne(ada)
    await lead.tasks.cancel({ taskId: cancelled.id })
    await server.advance(9 * minute)
    const [, , , late] = (await lead.tasks.list({})).tasks
    await lead.tasks.cancel({ taskId: late?.id ?? '' })
    await server.advance(2 * minute)
    expect((await lead.tasks.list({})).tasks.map(({ id }) => id)).toEqual([waiting.id, late?.id])
    expect(count(server, 'artifacts')).toBe(0)
    expect(rows(server, `select status, tasks from task_counts where epic = 'walls' and tasks > 0`)).toEqual([
      { status: 'cancelled', tasks: 1 },
    ])
  })

  test('stay while a kept task depends on them or is their child, and are deleted after it', async () => {
    await using server = await keeping({ tasks: { ms: 10 * minute, maxRows: 0 } })
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const parent = await lead.tasks.create({ type: 'parent' })
    await ada.tasks.complete(leaseOf(await claimOne(ada)))
    const child = await lead.tasks.create({ type: 'child', parentId: parent.id, requires: ['x'] })
    const first = await lead.tasks.create({ type: 'first' })
    await ada.tasks.complete(leaseOf(await claimOne(ada)))
    const second = await lead.tasks.create({ type: 'second', dependsOn: [first.id], requires: ['x'] })
    await server.advance(11 * minute)
    await server.sweep()
    expect(count(server, 'tasks')).toBe(4)
    await lead.tasks.cancel({ taskId: child.id })
    await lead.tasks.cancel({ taskId: second.id })
    await server.advance(11 * minute)
    await server.sweep()
    expect(count(server, 'tasks')).toBe(0)
    expect(count(server, 'task_dependencies')).toBe(0)
  })

  test('beyond a number are deleted oldest first after their end', async () => {
    await using server = await keeping({ tasks: { ms: 0, maxRows: 2 } })
    const lead = server.connect()
    const { tasks } = await lead.tasks.createMany({ tasks: upTo(200).map((index) => ({ type: numbered('t', index) })) })
    for (const { id } of tasks.slice(0, 190)) await lead.tasks.cancel({ taskId: id })
    for (const _ of upTo(3)) await server.sweep()
    const kept = (await lead.tasks.list({ limit: 500 })).tasks.map(({ type }) => type)
    expect(kept).toEqual(upTo(12).map((index) => numbered('t', 188 + index)))
  })
})

describe('messages', () => {
  test('are deleted long after their ack, and the inbox counts them', async () => {
    await using server = await keeping({ messages: { ms: minute, maxRows: 0 } })
    const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
    for (const n of upTo(3)) await ada.messages.send({ to: 'bob', type: 'note', payload: n })
    await bob.messages.ack(receiptOf(await receiveOne(bob)))
    const second = await receiveOne(bob)
    await server.advance(minute / 2)
    tamper(
      server,
      `update messages set status = 'acked', ready = null, ended_at = ${server.clock.wall()} where id = '${second.id}'`,
    )
    await server.advance(minute / 2)
    expect(rows(server, 'select status from messages order by ord')).toEqual([
      { status: 'acked' },
      { status: 'pending' },
    ])
    const counts = 'accepted, pending, delivered, acked, dead, expired, purged'
    expect(rows(server, `select ${counts} from mailboxes where agent_id = '${bob.id}'`)).toEqual([
      { accepted: 3, pending: 1, delivered: 0, acked: 1, dead: 0, expired: 0, purged: 1 },
    ])
  })

  test('are deleted with their shared payload when the last copy goes, and dead letters stay', async () => {
    await using server = await keeping({ messages: { ms: minute, maxRows: 0 } })
    const [ada, bob, cyd] = [await server.agent('ada'), await server.agent('bob'), await server.agent('cyd')]
    await ada.messages.send({ to: '*', type: 'note', payload: 'for all' })
    const before = count(server, 'bodies')
    await bob.messages.ack(receiptOf(await receiveOne(bob)))
    tamper(server, `update messages set status = 'dead' where to_agent = ${server.reference(cyd.id)}`)
    await server.advance(2 * minute)
    expect([before, count(server, 'bodies'), count(server, 'messages')]).toEqual([1, 1, 1])
    tamper(server, `update messages set status = 'acked', ended_at = 1 where to_agent = ${server.reference(cyd.id)}`)
    await server.sweep()
    expect([count(server, 'bodies'), count(server, 'messages')]).toEqual([0, 0])
  })

  test('beyond a number are deleted when they are settled, with the failures of their deliveries', async () => {
    await using server = await keeping({ messages: { ms: 0, maxRows: 1 } })
    const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
    for (const n of upTo(2)) await ada.messages.send({ to: 'bob', type: 'note', payload: n })
    const first = await receiveOne(bob)
    tamper(server, `insert into delivery_failures values ('${first.id}', 0, 1, 1, 'nak', null)`)
    await bob.messages.ack(receiptOf(first))
    await bob.messages.ack(receiptOf(await receiveOne(bob)))
    await server.sweep()
    expect([count(server, 'messages'), count(server, 'delivery_failures')]).toEqual([1, 0])
  })
})

test('old health samples of every agent are deleted', async () => {
  await using server = await keeping({ health: { ms: minute, maxRows: 0 } })
  for (const name of ['ada', 'bob', 'cyd']) {
    const agent = await server.agent(name)
    await agent.agents.heartbeat({ leases: [], health: { cpuUsage: 0.5 } })
  }
  await server.advance(minute / 2)
  const late = await server.agent('dan')
  await late.agents.heartbeat({ leases: [], health: { cpuUsage: 0.5 } })
  await server.advance(minute / 2)
  for (const _ of upTo(3)) await server.sweep()
  expect(rows(server, 'select agent_id from health_metrics')).toEqual([{ agent_id: late.id }])
})

test('agents are deleted with their messages long after they were unregistered, unless a task still names them', async () => {
  await using server = await keeping({ agents: { ms: 10 * minute, maxRows: 0 } })
  const lead = server.connect()
  const [ada, bob, cyd] = [await server.agent('ada'), await server.agent('bob'), await server.agent('cyd')]
  await lead.tasks.create({ type: 'code' })
  await bob.tasks.complete(leaseOf(await claimOne(bob)))
  await ada.agents.heartbeat({ leases: [], health: { cpuUsage: 0.5 } })
  for (const _ of upTo(120)) await cyd.messages.send({ to: 'ada', type: 'note', payload: 1 })
  for (const agent of ['ada', 'bob']) await lead.agents.unregister({ agent })
  await server.advance(9 * minute)
  expect([count(server, 'agents'), count(server, 'messages')]).toEqual([3, 120])
  await server.advance(2 * minute)
  await server.sweep()
  expect(rows(server, 'select name from agents order by name')).toEqual([{ name: 'bob' }, { name: 'cyd' }])
  const rest = ['messages', 'health_metrics', 'mailboxes'].map((table) => count(server, table))
  expect(rest).toEqual([0, 0, 2])
  expect((await server.agent('ada')).id).not.toBe(ada.id)
})

test('ended plans and ended requests are deleted', async () => {
  await using server = await keeping({ plans: { ms: minute, maxRows: 0 }, messages: { ms: minute, maxRows: 0 } })
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  for (const name of ['committed', 'open']) await lead.plans.begin({ name })
  tamper(server, `update plans set status = name`)
  tamper(server, `insert into plan_rows (plan_id, external_id, spec) select id, 'x', '{}' from plans`)
  const request = (id: string, status: string) =>
    `('${id}', (select id from projects), 'm', '${ada.id}', 'm', '${status}', 1, ${server.clock.wall() + (status === 'waiting' ? 5 * minute : 0)})`
  tamper(
    server,
    `insert into requests (id, project_id, method, to_agent, message_id, status, created_at, deadline_at)
     values ${request('a', 'replied')}, ${request('b', 'waiting')}, ${request('c', 'timed_out')}`,
  )
  await server.advance(2 * minute)
  expect(rows(server, 'select name from plans')).toEqual([{ name: 'open' }])
  expect(count(server, 'plan_rows')).toBe(1)
  expect(rows(server, 'select id from requests')).toEqual([{ id: 'b' }])
})

test('a retention of 0 deletes nothing', async () => {
  await using server = await keeping({})
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.create({ type: 'code' })
  await ada.tasks.complete(leaseOf(await claimOne(ada)))
  await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
  await ada.messages.ack(receiptOf(await receiveOne(ada)))
  await ada.agents.heartbeat({ leases: [], health: { cpuUsage: 0.5 } })
  await lead.agents.unregister({ agent: 'ada' })
  tamper(server, `update sessions set created_at = 1`)
  const tables = ['event_log', 'tasks', 'messages', 'health_metrics', 'agents', 'sessions']
  const before = tables.map((table) => count(server, table))
  await server.advance(4_000 * minute)
  expect(tables.map((table) => count(server, table))).toEqual(before)
})

/** Returns the size of the database file and its WAL. */
function sizeOf(server: TestServer): number {
  if (onPostgres) return 0
  tamper(server, 'pragma wal_checkpoint(TRUNCATE)')
  return statSync(server.database).size
}

test('deleted rows are counted, and their space is returned to the disk', async () => {
  await using server = await keeping({ tasks: { ms: minute, maxRows: 0 } })
  const lead = server.connect()
  const description = 'x'.repeat(60_000)
  for (const _ of upTo(120)) {
    const { id } = await lead.tasks.create({ type: 'code', requires: ['x'], description })
    await lead.tasks.create({ type: 'code', requires: ['x'], description, metadata: { description } })
    await lead.tasks.cancel({ taskId: id })
  }
  for (const { id } of (await lead.tasks.list({ status: 'pending', limit: 1 })).tasks)
    await lead.tasks.cancel({ taskId: id })
  const before = sizeOf(server)
  tamper(server, `update tasks set status = 'cancelled', ready = null, completed_at = 1`)
  await server.advance(2 * minute)
  for (const _ of upTo(4)) await server.sweep()
  // PostgreSQL frees space without the server. The WAL cannot be truncated while the server moves
  // pages out of it.
  if (!onPostgres) await expect.poll(() => sizeOf(server)).toBeLessThan(before - 1_000_000)
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  expect(metrics).toContain('tony_retention_removed_total{class="tasks"} 240')
})
