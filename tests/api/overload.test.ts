import { expect, test } from 'vitest'
import { metricByLabels } from '../support/metrics.ts'
import { refusal, TestServer } from '../support/server.ts'
import { Wire } from '../transports/wire.ts'
import { claimOne, leaseOf, occupy, receiptOf, receiveOne } from './given.ts'

const leaseMs = 10_000

/** Without a second try by the client. */
const once = { signal: AbortSignal.abort() }

async function given() {
  const server = await TestServer.start({ limits: { queueMs: 1_000 } })
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.create({ type: 'code' })
  await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
  const task = await claimOne(ada, { leaseMs })
  const message = await receiveOne(ada, { ackWaitMs: leaseMs })
  const project = (await lead.projects.list()).projects[0]?.id ?? ''
  return { server, lead, ada, task, message, project }
}

/** The earlier calls of a socket are in the queue once a later call of it is answered. */
const arrived = (client: { readonly system: { info(): Promise<unknown> } }) => client.system.info()

test('a heartbeat, a completion and an ack that arrived in time count, although the writer was busy past the deadline', async () => {
  const { server, ada, task, message, project } = await given()
  await using _ = server
  const other = await claimAnother(server, ada)
  await using occupied = await occupy(server, project)
  const beat = ada.agents.heartbeat({ leases: [leaseOf(task)] })
  const done = ada.tasks.complete(leaseOf(other))
  const acked = ada.messages.ack(receiptOf(message))
  await arrived(ada)
  server.clock.advance(leaseMs + 1_000)
  await occupied.free()
  expect(await beat).toMatchObject({ extended: [{ taskId: task.id }], lost: [] })
  expect((await done).status).toBe('completed')
  expect((await acked).status).toBe('acked')
  await server.advance(1_000)
  const { events } = await server.connect().events.list({ types: ['task.expired', 'message.returned'] })
  expect(events).toEqual([])
})

async function claimAnother(server: TestServer, ada: Awaited<ReturnType<TestServer['agent']>>) {
  await server.connect().tasks.create({ type: 'code' })
  return claimOne(ada, { leaseMs })
}

test('writes are refused with OVERLOADED while the queue is too old, and heartbeats and reads never are', async () => {
  const { server, lead, ada, task, project } = await given()
  await using _ = server
  await using occupied = await occupy(server, project)
  server.clock.advance(1_500)
  const refused = await lead.tasks.create({ type: 'code' }, once).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'OVERLOADED', applied: 'no', retryable: true, retryAfterMs: 1_500 })
  expect((await lead.tasks.get({ taskId: task.id })).status).toBe('in_progress')
  const beat = ada.agents.heartbeat({ leases: [leaseOf(task)] })
  await arrived(ada)
  await occupied.free()
  await occupied.waiting
  expect((await beat).extended).toHaveLength(1)
  expect((await lead.tasks.create({ type: 'code' })).status).toBe('pending')
})

test.each([
  { size: 'large', characters: 300 },
  { size: 'small', characters: 3 },
])('a $size write is refused before it is parsed, and parsed once the queue is short again', async ({ characters }) => {
  const { server, project } = await given()
  await using _ = server
  using wire = await Wire.open(server.url)
  const frame = (id: number, input: string) =>
    wire.send(`{"id":${id},"method":"mutation","params":{"path":"tasks.create","input":${input}}}`)
  const [broken, whole] = ['x', '"'].map((end) => `{"type":"code","title":"${'x'.repeat(characters)}${end}}`)
  await using occupied = await occupy(server, project)
  server.clock.advance(1_500)
  frame(1, broken ?? '')
  frame(2, broken ?? '')
  const refusals = [await wire.of(1), await wire.of(2)].map(({ error }) => error?.data)
  for (const data of refusals)
    expect(data).toMatchObject({ code: 'OVERLOADED', httpStatus: 503, applied: 'no', retryAfterMs: 1_500 })
  expect(new Set(refusals.map((data) => data?.['requestId'])).size).toBe(2)
  expect(await callsByCode(server)).toMatchObject({ OVERLOADED: 2 })
  await occupied.free()
  await occupied.waiting
  frame(3, whole ?? '')
  expect((await wire.of(3)).error).toBe(undefined)
  frame(4, broken ?? '')
  expect((await wire.of(null)).error?.data).toMatchObject({ code: 'INVALID_INPUT' })
})

/** The counted calls of `tasks.create` by code. */
async function callsByCode({ url }: TestServer): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.matchAll(/^tony_calls_total\{procedure="tasks.create",code="(\w+)"\} (\d+)$/gm)
  return Object.fromEntries([...lines].map(([, code = '', count]) => [code, Number(count)]))
}

const probe = async ({ url }: TestServer) => {
  const answer = await fetch(`${url}/readyz`)
  const { status, writes }: { status: string; writes: string } = JSON.parse(await answer.text())
  return [answer.status, status, writes]
}

test('a server that refuses writes for overload stays ready and reports the age and the lanes of its queue', async () => {
  const { server, ada, task, project } = await given()
  await using _ = server
  expect(await probe(server)).toEqual([200, 'ok', 'accepted'])
  await using occupied = await occupy(server, project)
  const beat = ada.agents.heartbeat({ leases: [leaseOf(task)] })
  await arrived(ada)
  const bulk = server.parts.store.transact({ project, lane: 'bulk' }, () => Promise.resolve())
  server.clock.advance(1_500)
  expect(await probe(server)).toEqual([200, 'ok', 'overloaded'])
  expect(await metricByLabels(server.url, 'tony_write_queue_age_seconds')).toEqual({
    'lane="urgent"': 1.5,
    'lane="normal"': 1.5,
    'lane="bulk"': 1.5,
  })
  expect(await metricByLabels(server.url, 'tony_write_queue_operations')).toEqual({
    'lane="urgent"': 1,
    'lane="normal"': 1,
    'lane="bulk"': 1,
  })
  await occupied.free()
  await Promise.all([occupied.waiting, beat, bulk])
  expect(await probe(server)).toEqual([200, 'ok', 'accepted'])
  expect(await metricByLabels(server.url, 'tony_write_queue_age_seconds')).toEqual({
    'lane="urgent"': 0,
    'lane="normal"': 0,
    'lane="bulk"': 0,
  })
})

test('a bulk write that has waited for long refuses other bulk writes and nothing else', async () => {
  const { server, lead, project } = await given()
  await using _ = server
  await using occupied = await occupy(server, project, 'bulk')
  server.clock.advance(1_500)
  const message = { to: 'ada', type: 'note', payload: 2 }
  const refused = await refusal(lead.messages.sendMany({ messages: [message] }, once))
  expect(refused).toMatchObject({ code: 'OVERLOADED', applied: 'no' })
  const sent = lead.messages.send(message)
  await arrived(lead)
  await occupied.free()
  expect((await sent).recipients).toHaveLength(1)
})

/** JSON of about 6 kB. */
const large = { text: 'x'.repeat(6_000) }

const overloaded = { code: 'OVERLOADED', applied: 'no', retryable: true, retryAfterMs: 100 }

test('writes are refused with OVERLOADED while the inputs that wait are large, and small heartbeats and reads never', async () => {
  await using server = await TestServer.start({ limits: { queueBytes: 10_000 } })
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.create({ type: 'code' })
  const task = await claimOne(ada)
  const project = (await lead.projects.list()).projects[0]?.id ?? ''
  await using occupied = await occupy(server, project)
  const first = lead.tasks.create({ type: 'code', metadata: large })
  await arrived(lead)
  const second = lead.tasks.create({ type: 'code', metadata: large }, once).catch((error: unknown) => error)
  expect(await second).toMatchObject(overloaded)
  const overHttp = await fetch(`${server.url}/trpc/tasks.create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'code', metadata: large }),
  })
  expect([overHttp.status, overHttp.headers.get('retry-after')]).toEqual([503, '1'])
  const done = ada.tasks.complete({ ...leaseOf(task), result: large })
  await arrived(ada)
  const beat = ada.agents.heartbeat({ leases: [] })
  await arrived(ada)
  const ack = ada.messages.nak({ messageId: task.id, receipt: 'none', error: large.text }, once).catch((error) => error)
  expect(await ack).toMatchObject(overloaded)
  expect((await lead.tasks.get({ taskId: task.id })).status).toBe('in_progress')
  await occupied.free()
  expect((await first).status).toBe('pending')
  expect((await done).status).toBe('completed')
  expect((await beat).lost).toEqual([])
  expect((await lead.tasks.create({ type: 'code', metadata: large })).status).toBe('pending')
})

test('a batch of messages counts once among the inputs that wait, and one larger than the limit waits alone', async () => {
  await using server = await TestServer.start({ limits: { queueBytes: 5_000 } })
  const lead = server.connect()
  await server.agent('ada')
  const project = (await lead.projects.list()).projects[0]?.id ?? ''
  const batch = {
    messages: Array.from({ length: 60 }, (_, payload) => ({ to: 'ada', type: 'note'.repeat(10), payload })),
  }
  await using occupied = await occupy(server, project)
  const sent = lead.messages.sendMany(batch)
  await arrived(lead)
  expect(await lead.messages.sendMany(batch, once).catch((error: unknown) => error)).toMatchObject(overloaded)
  await occupied.free()
  expect((await sent).results.flatMap(({ error }) => error ?? [])).toEqual([])
  expect((await lead.messages.sendMany(batch)).results).toHaveLength(60)
})
