import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, reading } from './given.ts'

test('an agent is idle, active while it holds a lease, and idle again', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const status = async () => (await lead.agents.get({ agent: 'worker' })).status
  expect(await status()).toBe('idle')
  await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  expect(await status()).toBe('active')
  await worker.tasks.complete(lease)
  expect(await status()).toBe('idle')
})

test('an agent that is silent for 30 seconds is offline, and live again at its next call', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const status = async () => (await lead.agents.get({ agent: 'worker' })).status
  await server.advance(29_999)
  expect(await status()).toBe('idle')
  await server.advance(1)
  expect(await status()).toBe('offline')
  await worker.tasks.list({})
  expect(await status()).toBe('idle')
  await server.advance(0)
  const { events } = await lead.events.list({ types: ['agent.offline', 'agent.online'] })
  expect(events).toMatchObject([
    { type: 'agent.offline', subject: worker.id, actor: null, data: { name: 'worker' } },
    { type: 'agent.online', subject: worker.id },
  ])
})

test('any call makes an agent live', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  for (let round = 0; round < 3; round += 1) {
    await server.advance(20_000)
    await worker.tasks.list({})
    await lead.tasks.list({})
  }
  expect(await lead.agents.get({ agent: 'worker' })).toMatchObject({
    status: 'idle',
    lastActivityAt: '2026-01-01T00:01:00.000Z',
  })
  expect((await lead.events.list({ types: ['agent.offline'] })).events).toEqual([])
})

test('an agent that is silent twice has one agent.offline event for each time', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const next = reading(lead.events.subscribe({ cursor: 'start', types: ['agent.offline', 'agent.online'] }))
  for (let round = 0; round < 2; round += 1) {
    await server.advance(30_000)
    await server.advance(30_000)
    await worker.agents.heartbeat({})
    await server.advance(0)
    expect((await next(2)).map(({ type }) => type)).toEqual(['agent.offline', 'agent.online'])
  }
})

test('a new registration makes an agent live', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  await server.agent('worker')
  await server.advance(30_000)
  await server.agent('worker')
  expect(await server.connect().agents.get({ agent: 'worker' })).toMatchObject({ status: 'idle', incarnation: 2 })
})

test('agents are listed by name and by each filter', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  const lead = server.connect()
  await server.agent('c', { type: 'qa', capabilities: ['rust'] })
  await server.advance(30_000)
  const b = await server.agent('b', { capabilities: ['rust', 'sql'] })
  await server.agent('a')
  await lead.tasks.create({ type: 'code' })
  await claimOne(b)
  const names = async (filter: Parameters<typeof lead.agents.list>[0]) =>
    (await lead.agents.list(filter)).agents.map(({ name }) => name)
  expect(await names({})).toEqual(['a', 'b', 'c'])
  expect(await names({ type: 'qa' })).toEqual(['c'])
  expect(await names({ capability: 'rust' })).toEqual(['b', 'c'])
  expect(await names({ status: 'active' })).toEqual(['b'])
  expect(await names({ status: 'offline', capability: 'rust' })).toEqual(['c'])
  expect(await names({ limit: 2 })).toEqual(['a', 'b'])
})

test('an agent is found by its id and its name; an unknown one is NOT_FOUND', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  expect(await lead.agents.get({ agent: worker.id })).toEqual(await lead.agents.get({ agent: 'worker' }))
  const refused = await refusal(lead.agents.get({ agent: 'ghost' }))
  expect(refused).toMatchObject({ code: 'NOT_FOUND', message: 'Agent ghost not found' })
  expect(await refusal(lead.agents.get({ agent: '' }))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(lead.agents.list({ limit: 0 }))).toMatchObject({ code: 'INVALID_INPUT' })
})
