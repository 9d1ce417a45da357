import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, reading } from './given.ts'

test('an agent changes its own description and nothing else', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada', { capabilities: ['ts'], metadata: { host: 'a' } })
  expect(await ada.agents.update({ type: 'architect', metadata: { host: 'b' } })).toMatchObject({
    type: 'architect',
    role: 'developer',
    capabilities: ['ts'],
    metadata: { host: 'b' },
  })
  expect(await ada.agents.update({ capabilities: ['rust'] })).toMatchObject({
    type: 'architect',
    capabilities: ['rust'],
  })
  expect(await server.connect().agents.get({ agent: 'ada' })).toMatchObject({ metadata: { host: 'b' } })
  const { events } = await ada.events.list({ types: ['agent.updated'] })
  expect(events).toMatchObject([
    { subject: ada.id, actor: ada.id, data: { name: 'ada', type: 'architect', capabilities: ['ts'] } },
    { data: { name: 'ada', type: 'architect', capabilities: ['rust'] } },
  ])
})

test('an empty update appends no event', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  expect(await ada.agents.update({})).toMatchObject({ name: 'ada' })
  expect((await ada.events.list({ types: ['agent.updated'] })).events).toEqual([])
})

test('new capabilities count from the next claim on, for any contents of the token', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada', { capabilities: ['ts'] })]
  const ts = await lead.tasks.create({ type: 'code', requires: ['ts'] })
  const rust = await lead.tasks.create({ type: 'code', requires: ['rust'] })
  await ada.agents.update({ capabilities: ['rust'] })
  expect((await ada.tasks.claim({ limit: 2 })).tasks.map(({ id }) => id)).toEqual([rust.id])
  await ada.agents.update({ capabilities: ['ts'] })
  expect((await claimOne(ada)).id).toBe(ts.id)
})

test('new capabilities count for a claim and a subscription that already wait', async () => {
  await using server = await TestServer.start()
  const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
  const claim = ada.tasks.claim({ waitMs: 20_000 })
  const work = reading(bob.tasks.work())(1)
  await Promise.all([ada.agents.heartbeat({}), bob.agents.heartbeat({})])
  const there = await lead.tasks.create({ type: 'code', requires: ['rust'] })
  await ada.agents.update({ capabilities: ['rust'] })
  expect((await claim).tasks).toMatchObject([{ id: there.id }])
  await bob.agents.update({ capabilities: ['go'] })
  const later = await lead.tasks.create({ type: 'code', requires: ['go'] })
  expect(await work).toMatchObject([{ id: later.id }])
})

test('an agent that has lost a capability takes no notification from the agents that have it', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const [ada, bob] = [
    await server.agent('ada', { capabilities: ['ts'] }),
    await server.agent('bob', { capabilities: ['ts'] }),
  ]
  const first = ada.tasks.claim({ waitMs: 20_000 })
  await ada.agents.heartbeat({})
  const second = bob.tasks.claim({ waitMs: 20_000 })
  await bob.agents.heartbeat({})
  await ada.agents.update({ capabilities: [] })
  const task = await lead.tasks.create({ type: 'code', requires: ['ts'] })
  expect((await second).tasks).toMatchObject([{ id: task.id }])
  await lead.tasks.create({ type: 'code' })
  expect((await first).tasks).toHaveLength(1)
})

test('the developer of dev mode is not an agent to update, and 65 capabilities are too many', async () => {
  await using server = await TestServer.start()
  expect(await refusal(server.connect().agents.update({ type: 'qa' }))).toMatchObject({ code: 'FORBIDDEN' })
  const capabilities = Array.from({ length: 65 }, (_, index) => `c${index}`)
  const ada = await server.agent('ada')
  expect(await refusal(ada.agents.update({ capabilities }))).toMatchObject({ code: 'INVALID_INPUT' })
})
