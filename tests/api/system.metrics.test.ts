import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { claimOne, leaseOf, receiptOf, receiveOne, rows, tamper } from './given.ts'

/** Creates tasks and messages in every status. */
async function aDay(server: TestServer): Promise<void> {
  const lead = server.connect()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  await lead.tasks.createMany({
    tasks: [
      ...Array.from({ length: 5 }, () => ({ type: 'code', epic: 'walls' })),
      { type: 'code', key: 'first', epic: 'roof', story: 'tiles' },
      { type: 'code', dependsOn: ['first'], epic: 'roof', story: 'tiles' },
    ],
  })
  await ada.tasks.complete(leaseOf(await claimOne(ada)))
  await ada.tasks.fail({ ...leaseOf(await claimOne(ada)), error: 'no', retryable: false })
  const { id } = await claimOne(bob)
  await lead.tasks.cancel({ taskId: id })
  await claimOne(bob)
  await lead.messages.send({ to: '*', type: 'note', payload: 1 })
  for (let n = 0; n < 3; n += 1) await ada.messages.send({ to: 'bob', type: 'note', payload: n, maxDeliver: 1 })
  await bob.messages.ack(receiptOf(await receiveOne(bob)))
  await bob.messages.nak(receiptOf(await receiveOne(bob)))
  await bob.messages.nak(receiptOf(await receiveOne(bob)))
  await receiveOne(ada)
}

const counted = (server: TestServer, table: string, where = ''): Record<string, number> =>
  Object.fromEntries(
    rows<{ status: string; n: number }>(
      server,
      `SELECT status, count(*) AS n FROM ${table} ${where} GROUP BY status`,
    ).map(({ status, n }) => [status, n]),
  )

/** Leaves out the zeros. */
const some = (figures: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(figures).filter(([, figure]) => figure > 0))

test('the counters equal the numbers of their rows', async () => {
  await using server = await TestServer.start()
  await aDay(server)
  const { tasks, messages, agents, events } = await server.connect().system.metrics()
  expect(some(tasks.byStatus)).toEqual(counted(server, 'tasks'))
  expect(tasks.total).toBe(7)
  const { accepted, ...states } = messages
  expect(some(states)).toEqual(counted(server, 'messages'))
  expect(accepted).toBe(Object.values(states).reduce((sum, state) => sum + state, 0))
  expect(some(states)).toMatchObject({ acked: 1, delivered: 1 })
  expect(agents).toEqual({ total: 2, byStatus: { idle: 1, active: 1, draining: 0, offline: 0 } })
  expect(rows(server, 'SELECT max(seq) AS last FROM event_log')).toEqual([{ last: events }])
})

test('deleted messages are still counted', async () => {
  await using server = await TestServer.start()
  await aDay(server)
  const before = (await server.connect().system.metrics()).messages
  tamper(server, "DELETE FROM delivery_failures; DELETE FROM messages WHERE status IN ('dead', 'acked')")
  const { accepted, ...states } = (await server.connect().system.metrics()).messages
  expect(states).toMatchObject({ purged: before.dead + before.acked, dead: 0, acked: 0 })
  expect(accepted).toBe(before.accepted)
  expect(accepted).toBe(Object.values(states).reduce((sum, state) => sum + state, 0))
})

test('a project sees its own metrics and no others', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  await aDay(server)
  await server.connect().projects.create({ name: 'other' })
  const figures = await server.connect({ project: 'other' }).system.metrics()
  expect([figures.tasks.total, figures.messages.accepted, figures.agents.total, figures.events]).toEqual([0, 0, 0, 0])
})

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

async function scrape(server: TestServer): Promise<Sample[]> {
  const response = await fetch(`${server.url}/metrics`)
  expect(response.status).toBe(200)
  const lines = (await response.text()).matchAll(/^(tony_\w+)(?:\{(.*)\})? (\S+)$/gm)
  return [...lines].map(([, name = '', labels = '', value]) => ({
    name,
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', text = '']) => [key, text])),
    value: Number(value),
  }))
}

/** Returns the values of a gauge of one project by its other label. */
const gauge = (samples: readonly Sample[], name: string, project: string): Record<string, number> =>
  Object.fromEntries(
    samples
      .filter((sample) => sample.name === name && sample.labels['project'] === project)
      .map(({ labels, value }) => [labels['status'] ?? labels['state'] ?? '', value]),
  )

test('a scrape returns the current metrics of every project', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  await server.connect().projects.create({ name: 'other' })
  await server.connect({ project: 'other' }).tasks.create({ type: 'code' })
  expect(gauge(await scrape(server), 'tony_tasks', 'default')).toMatchObject({ pending: 0, completed: 0 })
  await aDay(server)
  const samples = await scrape(server)
  const { tasks, messages, agents, events } = await server.connect().system.metrics()
  expect(gauge(samples, 'tony_tasks', 'default')).toEqual(tasks.byStatus)
  expect(some(gauge(samples, 'tony_tasks', 'default'))).toEqual(
    counted(server, 'tasks', "WHERE project_id = (SELECT id FROM projects WHERE name = 'default')"),
  )
  expect(gauge(samples, 'tony_messages', 'default')).toEqual(messages)
  const { accepted, ...states } = gauge(samples, 'tony_messages', 'default')
  expect(accepted).toBe(Object.values(states).reduce((sum, state) => sum + state, 0))
  expect(gauge(samples, 'tony_agents', 'default')).toEqual(agents.byStatus)
  expect(gauge(samples, 'tony_events_seq', 'default')).toEqual({ '': events })
  expect(some(gauge(samples, 'tony_tasks', 'other'))).toEqual({ pending: 1 })
  expect(samples).toContainEqual({ name: 'tony_store_answers', labels: {}, value: 1 })
})

test('a scrape is answered while the store does not reply, and reports that', async () => {
  await using server = await TestServer.start()
  tamper(server, 'ALTER TABLE mailboxes RENAME TO gone')
  const samples = await scrape(server)
  expect(samples).toContainEqual({ name: 'tony_store_answers', labels: {}, value: 0 })
  expect(samples.filter(({ name }) => name === 'tony_sockets')).toHaveLength(1)
  tamper(server, 'ALTER TABLE gone RENAME TO mailboxes')
  expect(await scrape(server)).toContainEqual({ name: 'tony_store_answers', labels: {}, value: 1 })
})

test('the exposition has no gauge named as a counter, and a wait of 60 s is within its buckets', async () => {
  await using server = await TestServer.start()
  const text = await (await fetch(`${server.url}/metrics`)).text()
  expect(text.match(/^# TYPE \S+_total gauge$/gm)).toBeNull()
  await server.connect().system.info()
  const counted = await (await fetch(`${server.url}/metrics`)).text()
  expect(counted).toContain('tony_call_seconds_bucket{le="65",procedure="system.info"} 1')
})

test('a scraper that asks for OpenMetrics gets it', async () => {
  await using server = await TestServer.start()
  const headers = { accept: 'application/openmetrics-text; version=1.0.0, text/plain;q=0.5' }
  const reply = await fetch(`${server.url}/metrics`, { headers })
  expect(reply.headers.get('content-type')).toMatch(/^application\/openmetrics-text/)
  expect((await reply.text()).endsWith('# EOF\n')).toBe(true)
})
