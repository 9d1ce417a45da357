import { eventTypes } from '@tony/mcp-shared/event-words'
import { expect, test } from 'vitest'
import { type TestAgent, TestServer, take } from '../support/server.ts'
import { nextRequest } from './asked.ts'
import { claimOne, leaseOf, reading, receiptOf, receiveOne } from './given.ts'

const start = { cursor: 'start' }

/**
 * Returns the events that the members of a fleet see of a message and of a request between ada and
 * bob.
 */
async function talk() {
  const server = await TestServer.start()
  const lead = server.connect()
  const ada = await server.agent('ada')
  const bob = await server.agent('bob')
  const others = [
    await server.agent('eve'),
    await server.agent('tess', { type: 'qa' }),
    await server.agent('watcher', { role: 'observer' }),
  ]
  const boss = await server.agent('boss', { type: 'tech-lead' })
  await ada.messages.send({ to: 'bob', type: 'note', payload: 'the secret', threadId: 't' })
  await bob.messages.ack(receiptOf(await receiveOne(bob)))
  const answer = ada.requests.route({ method: 'm', target: 'bob', params: 'the secret' })
  await bob.requests.reply({ requestId: (await nextRequest(bob)).asked.requestId, result: 'the secret' })
  await answer
  await ada.requests
    .route({ method: 'm', target: 'bob', timeoutMs: 100 }, { signal: AbortSignal.abort() })
    .catch(() => undefined)
  await server.advance(100)
  await lead.tasks.create({ type: 'last' })
  return { server, lead, ada, bob, others, boss }
}

const between = [
  'message.sent',
  'message.acked',
  'message.sent',
  'request.routed',
  'message.acked',
  'request.replied',
  'message.sent',
  'request.routed',
  'request.timed_out',
]

/** The order of the sweeps decides if the message of a request that timed out expires too. */
const isPrivate = (type: string) => /^(message|request)\./.test(type) && type !== 'message.expired'

const listed = async (who: Pick<TestAgent, 'events'>) =>
  (await who.events.list({})).events.map(({ type }) => type).filter(isPrivate)

/** Returns the events of a subscription up to the latest event, which everyone may see. */
async function followed(who: Pick<TestAgent, 'events'>): Promise<string[]> {
  const types: string[] = []
  for await (const { type } of who.events.subscribe(start)) {
    if (type === 'task.created') return types
    if (isPrivate(type)) types.push(type)
  }
  throw new Error('the feed ended')
}

test('events of a message or a request are visible to its sender, its recipient and tech leads', async () => {
  const { server, lead, ada, bob, boss } = await talk()
  await using _ = server
  for (const who of [ada, bob, boss, lead]) {
    expect(await listed(who)).toEqual(between)
    expect(await followed(who)).toEqual(between)
  }
})

test('another agent, a tester and an observer see none of them with any filter', async () => {
  const { server, ada, bob, others } = await talk()
  await using _ = server
  for (const who of others) {
    expect(await listed(who)).toEqual([])
    expect(await followed(who)).toEqual([])
    for (const filter of [{ agentId: ada.id }, { agentId: bob.id }, { threadId: 't' }, {}]) {
      const { events } = await who.events.list({ ...filter, types: eventTypes.filter(isPrivate) })
      expect(events).toEqual([])
    }
  }
})

test('no event contains a payload, the input of a request or a reply', async () => {
  const { server, lead } = await talk()
  await using _ = server
  const { events } = await lead.events.list({ limit: 1_000 })
  expect(events.length).toBeGreaterThan(between.length)
  expect(JSON.stringify(events)).not.toContain('the secret')
})

test('an observer sees the events of agents, tasks and plans', async () => {
  await using server = await TestServer.start()
  const [lead, watcher] = [server.connect(), await server.agent('watcher', { role: 'observer' })]
  const ada = await server.agent('ada')
  await lead.tasks.create({ type: 'code' })
  await ada.tasks.complete(leaseOf(await claimOne(ada)))
  const seen = await take(watcher.events.subscribe(start), 5)
  expect(seen.map(({ type }) => type)).toEqual([
    'agent.registered',
    'agent.registered',
    'task.created',
    'task.claimed',
    'task.completed',
  ])
})

test('1 000 events that a caller may not see move its cursor as those outside its filter do', async () => {
  await using server = await TestServer.start()
  const watcher = await server.agent('watcher', { role: 'observer' })
  const ada = await server.agent('ada')
  for (let n = 0; n < 19; n += 1) await server.agent(`listener ${n}`)
  const next = reading(watcher.events.subscribe({}))
  const [begin] = await next(1)
  for (let n = 0; n < 55; n += 1) await ada.messages.send({ to: 'role:developer', type: 'note', payload: n })
  const [checkpoint] = await next(1)
  expect(checkpoint).toMatchObject({ type: 'checkpoint', subject: null, data: {} })
  expect(checkpoint?.seq).toBeGreaterThanOrEqual(1_000)
  expect(begin?.seq).toBe(21)
})

test('heartbeats, extensions, deliveries and health reports append no event', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.create({ type: 'code' })
  for (let n = 0; n < 3; n += 1) await lead.messages.send({ to: 'ada', type: 'note', payload: n })
  const lease = leaseOf(await claimOne(ada))
  const before = (await lead.system.metrics()).events
  await ada.agents.heartbeat({ leases: [lease], health: { cpuUsage: 0.5 } })
  await ada.tasks.extend(lease)
  await ada.health.report({ cpuUsage: 0.5 })
  await receiveOne(ada)
  await take(ada.messages.inbox({}), 2)
  expect((await lead.system.metrics()).events).toBe(before)
  await ada.tasks.progress({ ...lease, percent: 50 })
  expect((await lead.system.metrics()).events).toBe(before + 1)
})

test('subscribers get their own events between a first and a last event that they share', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const ada = await server.agent('ada')
  const bob = await server.agent('bob')
  const live = lead.events.subscribe({})
  await take(live, 1)
  const cursor = live.cursor ?? ''
  await lead.tasks.create({ type: 'first' })
  const toAda = await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
  const toBob = await lead.messages.send({ to: 'bob', type: 'note', payload: 2 })
  await lead.tasks.create({ type: 'last' })
  const seenBy = async (agent: TestAgent) => (await take(agent.events.subscribe({ cursor }), 3)).at(1)?.subject
  expect([await seenBy(ada), await seenBy(bob)]).toEqual([toAda.id, toBob.id])
})
