import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { leaseOf, rows } from './given.ts'

async function holding(server: TestServer, count: number) {
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.createMany({ tasks: Array.from({ length: count }, () => ({ type: 'code' })) })
  const { tasks } = await worker.tasks.claim({ limit: count, leaseMs: 10_000 })
  return { lead, worker, leases: tasks.map(leaseOf) }
}

test('a heartbeat extends exactly the leases it lists, each by its own length', async () => {
  await using server = await TestServer.start()
  const { lead, worker, leases } = await holding(server, 2)
  await server.advance(4_000)
  const listed = leases.slice(0, 1)
  const { extended, lost } = await worker.agents.heartbeat({ leases: listed })
  expect(extended).toEqual([{ taskId: listed[0]?.taskId, leaseExpiresAt: '2026-01-01T00:00:14.000Z' }])
  expect(lost).toEqual([])
  const other = await lead.tasks.get({ taskId: leases[1]?.taskId ?? '' })
  expect(other.leaseExpiresAt).toBe('2026-01-01T00:00:10.000Z')
})

test('a lease that two successive heartbeats do not list is released and costs no failure', async () => {
  await using server = await TestServer.start()
  const { lead, worker, leases } = await holding(server, 1)
  const taskId = leases[0]?.taskId ?? ''
  await worker.agents.heartbeat({})
  expect((await lead.tasks.get({ taskId })).status).toBe('in_progress')
  await worker.agents.heartbeat({})
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'pending', failures: 0 })
  const { events } = await lead.events.list({ types: ['task.released'] })
  expect(events).toMatchObject([{ subject: taskId, data: { reason: 'unlisted' } }])
})

test('a heartbeat that lists a lease again resets the count', async () => {
  await using server = await TestServer.start()
  const { lead, worker, leases } = await holding(server, 1)
  for (const listed of [[], leases, [], leases, []]) await worker.agents.heartbeat({ leases: listed })
  expect((await lead.tasks.get({ taskId: leases[0]?.taskId ?? '' })).status).toBe('in_progress')
})

test('heartbeats of other agents do not count', async () => {
  await using server = await TestServer.start()
  const { lead, leases } = await holding(server, 1)
  const other = await server.agent('other')
  for (let beat = 0; beat < 3; beat += 1) await other.agents.heartbeat({})
  expect((await lead.tasks.get({ taskId: leases[0]?.taskId ?? '' })).status).toBe('in_progress')
})

test('a heartbeat lists the lost leases with their reasons', async () => {
  await using server = await TestServer.start()
  const { lead, worker, leases } = await holding(server, 3)
  const [cancelled, expired, kept] = leases
  await lead.tasks.cancel({ taskId: cancelled?.taskId ?? '' })
  if (kept) await worker.tasks.extend({ ...kept, leaseMs: 60_000 })
  await server.advance(10_000)
  const reply = await worker.agents.heartbeat({ leases })
  expect(reply.extended.map(({ taskId }) => taskId)).toEqual([kept?.taskId])
  expect(reply.lost).toEqual([
    { taskId: cancelled?.taskId, reason: 'cancelled' },
    { taskId: expired?.taskId, reason: 'stale' },
  ])
})

test('a lease of a task that does not exist is lost', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const taskId = '01900000-0000-7000-8000-000000000000'
  const { lost } = await worker.agents.heartbeat({ leases: [{ taskId, leaseToken: 'x' }] })
  expect(lost).toEqual([{ taskId, reason: 'stale' }])
})

test('a health sample is stored as it was sent', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const said = { requestsHandled: 7, avgResponseTimeMs: 12.5, errorRate: 0.25, cpuUsage: 1.5, memoryUsage: 1e9 }
  await worker.agents.heartbeat({ health: said })
  await worker.agents.heartbeat({ health: { errorRate: 1 } })
  await worker.agents.heartbeat({})
  const stored = rows(
    server,
    `SELECT agent_id AS agent, timestamp, requests_handled AS "requestsHandled", avg_response_time AS "avgResponseTimeMs",
       error_rate AS "errorRate", cpu_usage AS "cpuUsage", memory_usage AS "memoryUsage" FROM health_metrics
     ORDER BY requests_handled IS NULL`,
  )
  const at = { agent: worker.id, timestamp: server.clock.wall() }
  const nothing = { requestsHandled: null, avgResponseTimeMs: null, cpuUsage: null, memoryUsage: null }
  expect(stored).toEqual([
    { ...at, ...said },
    { ...at, ...nothing, errorRate: 1 },
  ])
})

test('a heartbeat leaves no event', async () => {
  await using server = await TestServer.start()
  const { lead, worker, leases } = await holding(server, 1)
  const before = await lead.events.list({})
  await worker.agents.heartbeat({ leases, health: { errorRate: 0 } })
  expect(await lead.events.list({})).toEqual(before)
})

test('an observer may send a heartbeat; a caller that is not an agent may not', async () => {
  await using server = await TestServer.start()
  const observer = await server.agent('watcher', { role: 'observer' })
  expect(await observer.agents.heartbeat({})).toEqual({ extended: [], lost: [], state: 'running' })
  expect(await refusal(server.connect().agents.heartbeat({}))).toMatchObject({ code: 'FORBIDDEN' })
})

test('a sample out of range and more than 256 leases are INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  expect(await refusal(worker.agents.heartbeat({ health: { errorRate: 1.1 } }))).toMatchObject({
    code: 'INVALID_INPUT',
  })
  const lease = { taskId: '01900000-0000-7000-8000-000000000000', leaseToken: 'x' }
  const leases = Array.from({ length: 257 }, () => lease)
  expect(await refusal(worker.agents.heartbeat({ leases }))).toMatchObject({ code: 'INVALID_INPUT' })
})
