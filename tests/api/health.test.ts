import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, rows, tamper } from './given.ts'

const nothing = {
  requestsHandled: null,
  avgResponseTimeMs: null,
  errorRate: null,
  cpuUsage: null,
  memoryUsage: null,
}

test('health reports and the samples of heartbeats form one history, newest first', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  expect(await ada.health.report({ cpuUsage: 0.5, memoryUsage: 1_000.5 })).toEqual({
    agentId: ada.id,
    at: '2026-01-01T00:00:00.000Z',
  })
  server.clock.advance(1_000)
  await ada.agents.heartbeat({ health: { requestsHandled: 7, avgResponseTimeMs: 12.5, errorRate: 0.25 } })
  server.clock.advance(1_000)
  await ada.agents.heartbeat({})
  expect(await lead.health.history({ agent: 'ada' })).toEqual({
    agentId: ada.id,
    samples: [
      { ...nothing, at: '2026-01-01T00:00:01.000Z', requestsHandled: 7, avgResponseTimeMs: 12.5, errorRate: 0.25 },
      { ...nothing, at: '2026-01-01T00:00:00.000Z', cpuUsage: 0.5, memoryUsage: 1_000.5 },
    ],
  })
})

test('a history can be limited by time and by number', async () => {
  await using server = await TestServer.start()
  const [watcher, ada] = [await server.agent('watcher', { role: 'observer' }), await server.agent('ada')]
  for (let n = 0; n < 5; n += 1) {
    await ada.health.report({ requestsHandled: n })
    server.clock.advance(1_000)
  }
  const handled = async (input: object) =>
    (await watcher.health.history({ agent: ada.id, ...input })).samples.map((sample) => sample.requestsHandled)
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`
  expect(await handled({})).toEqual([4, 3, 2, 1, 0])
  expect(await handled({ limit: 2 })).toEqual([4, 3])
  expect(await handled({ since: at(1), until: at(3) })).toEqual([2, 1])
  expect(await handled({ since: at(9) })).toEqual([])
})

test('a report that is repeated with its key is stored once', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  const report = { requestsHandled: 3, idempotencyKey: 'k' }
  const first = await ada.health.report(report)
  server.clock.advance(1_000)
  expect(await ada.health.report(report)).toEqual(first)
  expect(rows(server, 'SELECT requests_handled FROM health_metrics')).toHaveLength(1)
})

test('an empty report, values out of range and a caller that is not an agent are refused', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  for (const sample of [{}, { errorRate: 1.1 }, { cpuUsage: -1 }, { requestsHandled: 0.5 }]) {
    expect(await refusal(ada.health.report(sample))).toMatchObject({ code: 'INVALID_INPUT' })
  }
  expect(await refusal(server.connect().health.report({ cpuUsage: 1 }))).toMatchObject({ code: 'FORBIDDEN' })
})

test('the history of an unknown agent is NOT_FOUND, and that of an unregistered one still exists', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.projects.create({ name: 'other' })
  const elsewhere = server.connect({ project: 'other' })
  const absent = { code: 'NOT_FOUND', message: `Agent ${ada.id} not found` }
  expect(await refusal(elsewhere.health.history({ agent: ada.id }))).toMatchObject(absent)
  expect(await refusal(lead.health.history({ agent: 'nobody' }))).toMatchObject({ code: 'NOT_FOUND' })
  await ada.health.report({ cpuUsage: 1 })
  await lead.agents.unregister({ agent: 'ada' })
  expect((await lead.health.history({ agent: 'ada' })).samples).toHaveLength(1)
})

test('a summary has the newest report of each agent, the sum of their handled work and the means of the other values', async () => {
  await using server = await TestServer.start()
  const [lead, bob, ada] = [server.connect(), await server.agent('bob'), await server.agent('ada')]
  await server.agent('silent one')
  await bob.health.report({ requestsHandled: 10, errorRate: 0.1, memoryUsage: 100 })
  server.clock.advance(1_000)
  await bob.health.report({ requestsHandled: 5, errorRate: 0.2 })
  await ada.health.report({ requestsHandled: 1, errorRate: 0.3, cpuUsage: 2 })
  expect(await lead.health.summary()).toEqual({
    status: 'healthy',
    agents: { total: 3, byStatus: { idle: 3, active: 0, draining: 0, offline: 0 } },
    metrics: {
      requestsHandled: 16,
      avgResponseTimeMs: null,
      errorRate: expect.closeTo(0.2, 9),
      cpuUsage: 2,
      memoryUsage: 100,
    },
    reports: [
      {
        ...nothing,
        at: '2026-01-01T00:00:01.000Z',
        agentId: ada.id,
        name: 'ada',
        requestsHandled: 1,
        errorRate: 0.3,
        cpuUsage: 2,
      },
      { ...nothing, at: '2026-01-01T00:00:01.000Z', agentId: bob.id, name: 'bob', requestsHandled: 5, errorRate: 0.2 },
    ],
  })
})

test('the largest figures that reports may have leave the summary readable', async () => {
  await using server = await TestServer.start()
  const largest = Number.MAX_SAFE_INTEGER
  for (const name of ['ada', 'bob', 'cy']) {
    const agent = await server.agent(name)
    await agent.health.report({ requestsHandled: largest, avgResponseTimeMs: largest, memoryUsage: largest })
    expect(await refusal(agent.health.report({ cpuUsage: Number.MAX_VALUE }))).toMatchObject({ code: 'INVALID_INPUT' })
  }
  const { metrics } = await server.connect().health.summary({})
  expect(metrics).toMatchObject({ requestsHandled: largest, avgResponseTimeMs: largest, memoryUsage: largest })
})

test('samples older than the window do not count', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await ada.health.report({ requestsHandled: 10, errorRate: 0.9 })
  server.clock.advance(10_000)
  await ada.health.report({ requestsHandled: 1 })
  const { status, metrics, reports } = await lead.health.summary({ windowMs: 5_000 })
  expect([status, metrics.requestsHandled, metrics.errorRate, reports.length]).toEqual(['healthy', 1, null, 1])
  const wider = await lead.health.summary({ windowMs: 20_000 })
  expect([wider.metrics.requestsHandled, wider.metrics.errorRate]).toEqual([11, 0.9])
  expect((await lead.health.summary({ windowMs: 1_000 })).reports).toHaveLength(1)
})

test('the newest 360 samples of an agent count', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await ada.health.report({ requestsHandled: 1_000_000 })
  server.clock.advance(1_000)
  tamper(
    server,
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 360)
     INSERT INTO health_metrics (agent_id, timestamp, requests_handled) SELECT '${ada.id}', ${server.clock.wall()}, 1 FROM n`,
  )
  expect((await lead.health.summary()).metrics.requestsHandled).toBe(360)
})

test('a fleet is degraded if an agent is offline or reports errors, and unhealthy if none is live', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const statusNow = async () => (await lead.health.summary()).status
  expect(await statusNow()).toBe('unhealthy')
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  expect(await statusNow()).toBe('healthy')
  // The socket is closed, because the reply to a ping counts as activity and could arrive at any
  // time after the clock has moved.
  bob.close()
  await ada.health.report({ errorRate: 0.5 })
  expect(await statusNow()).toBe('healthy')
  await ada.health.report({ errorRate: 0.51 })
  expect(await statusNow()).toBe('degraded')
  server.clock.advance(1_000)
  await ada.health.report({ errorRate: 0 })
  expect(await statusNow()).toBe('healthy')
  server.clock.advance(29_500)
  expect(await lead.health.summary()).toMatchObject({
    status: 'degraded',
    agents: { total: 2, byStatus: { idle: 1, active: 0, draining: 0, offline: 1 } },
  })
  ada.close()
  server.clock.advance(30_000)
  expect(await statusNow()).toBe('unhealthy')
})

test('the summary counts an agent with a lease as active, and a draining one as draining', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.create({ type: 'code' })
  await claimOne(ada)
  expect((await lead.health.summary()).agents.byStatus.active).toBe(1)
  tamper(server, 'UPDATE agents SET draining_at = 1')
  expect((await lead.health.summary()).agents.byStatus).toMatchObject({ active: 0, draining: 1 })
  expect(await lead.agents.get({ agent: 'ada' })).toMatchObject({ status: 'draining' })
})
