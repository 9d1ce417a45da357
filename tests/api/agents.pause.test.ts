import { describe, expect, test } from 'vitest'
import { refusal, type TestAgent, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, reading, receiveOne, rows } from './given.ts'

type Scope = { agent: string } | { all: true }

const scopes: readonly [string, Scope][] = [
  ['an agent', { agent: 'ada' }],
  ['everybody', { all: true }],
]

/**
 * Makes a call that blocks on the server, and returns once its first attempt has run: the heartbeat
 * behind it on the same socket is answered.
 */
async function waiting<T>(agent: TestAgent, call: Promise<T>): Promise<{ call: Promise<T> }> {
  await agent.agents.heartbeat({})
  return { call }
}

describe.each(scopes)('a pause of %s', (_, scope) => {
  test('stops claims and deliveries until it is resumed', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    await lead.tasks.create({ type: 'code' })
    await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
    expect(await lead.agents.pause({ ...scope, reason: 'fire' })).toMatchObject({ paused: true })
    expect((await ada.tasks.claim()).tasks).toEqual([])
    expect((await ada.messages.receive()).messages).toEqual([])
    expect(await lead.agents.resume(scope)).toMatchObject({ paused: false })
    await claimOne(ada)
    await receiveOne(ada)
  })

  test('keeps leases, and a claim by tasks.next finds no task', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    await lead.tasks.createMany({ tasks: [{ type: 'code', locks: ['a:b'] }, { type: 'code' }] })
    const task = await claimOne(ada)
    await lead.agents.pause(scope)
    const beat = await ada.agents.heartbeat({ leases: [leaseOf(task)] })
    expect(beat).toMatchObject({ state: 'paused', extended: [{ taskId: task.id }] })
    await ada.tasks.progress({ ...leaseOf(task), percent: 50 })
    await ada.tasks.lock({ ...leaseOf(task), locks: ['c:d'] })
    expect((await ada.tasks.next({ completed: leaseOf(task) })).tasks).toEqual([])
    expect((await lead.tasks.get({ taskId: task.id })).status).toBe('completed')
    await lead.agents.resume(scope)
    expect((await ada.agents.heartbeat({})).state).toBe('running')
  })

  test('can be resumed for a claim, a receive and both subscriptions that wait', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    await lead.agents.pause(scope)
    await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })
    await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
    const claim = await waiting(ada, ada.tasks.claim({ waitMs: 20_000 }))
    const receive = await waiting(ada, ada.messages.receive({ waitMs: 20_000, limit: 1 }))
    const work = await waiting(ada, reading(ada.tasks.work())(1))
    await lead.agents.resume(scope)
    expect((await claim.call).tasks).toHaveLength(1)
    expect((await receive.call).messages).toHaveLength(1)
    expect(await work.call).toHaveLength(1)
    await lead.agents.pause(scope)
    const inbox = await waiting(ada, reading(ada.messages.inbox())(1))
    await lead.messages.send({ to: 'ada', type: 'note', payload: 2 })
    await lead.agents.resume(scope)
    expect(await inbox.call).toMatchObject([{ payload: 2 }])
  })

  test('appends one event if it is repeated, and so does a resume', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    await server.agent('ada')
    for (let round = 0; round < 2; round += 1) await lead.agents.pause({ ...scope, reason: 'fire' })
    for (let round = 0; round < 2; round += 1) await lead.agents.resume(scope)
    const { events } = await lead.events.list({
      types: ['agent.paused', 'agent.resumed', 'project.paused', 'project.resumed'],
    })
    expect(events.map(({ type, data }) => [type.split('.')[1], data])).toEqual([
      ['paused', expect.objectContaining({ reason: 'fire' })],
      ['resumed', expect.objectContaining({ reason: null })],
    ])
  })
})

describe('a paused agent', () => {
  test('is reported as paused, and stays paused when it registers again', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    const ada = await server.agent('ada')
    expect(await lead.agents.pause({ agent: ada.id })).toEqual({ scope: 'agent', subject: ada.id, paused: true })
    const again = await server.agent('ada')
    expect(await lead.agents.get({ agent: 'ada' })).toMatchObject({ paused: true, status: 'idle', incarnation: 2 })
    expect((await lead.agents.list({})).agents).toMatchObject([{ paused: true }])
    expect((await again.agents.heartbeat({})).state).toBe('paused')
  })

  test('that is the first waiter does not keep a task from the next one', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    const first = await waiting(ada, ada.tasks.claim({ waitMs: 20_000 }))
    const second = await waiting(bob, bob.tasks.claim({ waitMs: 20_000 }))
    await lead.agents.pause({ agent: 'ada' })
    const one = await lead.tasks.create({ type: 'code' })
    expect((await second.call).tasks).toMatchObject([{ id: one.id }])
    await lead.agents.resume({ agent: 'ada' })
    const two = await lead.tasks.create({ type: 'code' })
    expect((await first.call).tasks).toMatchObject([{ id: two.id }])
  })

  test('does not affect other agents', async () => {
    await using server = await TestServer.start()
    const [lead, bob] = [server.connect(), await server.agent('bob')]
    await server.agent('ada')
    await lead.agents.pause({ agent: 'ada' })
    await lead.tasks.create({ type: 'code' })
    await claimOne(bob)
  })
})

test('a paused project also stops agents that register later, and stops no other project', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const lead = server.connect()
  await lead.projects.create({ name: 'other' })
  const { subject, scope } = await lead.agents.pause({ all: true })
  expect({ subject, scope }).toEqual({ subject: (await lead.projects.get()).id, scope: 'project' })
  const late = await server.agent('late')
  await lead.tasks.create({ type: 'code' })
  expect((await late.tasks.claim()).tasks).toEqual([])
  const other = server.connect({ project: 'other' })
  const { token } = await other.agents.register({ name: 'there', type: 'implementation' })
  await other.tasks.create({ type: 'code' })
  await claimOne(server.connect({ token }))
})

describe('of a paused epic', () => {
  test('no task is claimed until it is resumed: neither those ready before, nor those that become ready, nor new ones', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    await lead.tasks.create({ type: 'code', epic: 'walls', title: 'held' })
    const held = await claimOne(ada)
    await lead.tasks.create({ type: 'code', epic: 'walls', title: 'ready' })
    const blocked = { type: 'code', epic: 'walls', title: 'blocked', dependsOn: [held.id] }
    await lead.tasks.create(blocked)
    expect(await lead.agents.pause({ epic: 'walls' })).toEqual({ scope: 'epic', subject: 'walls', paused: true })
    await lead.tasks.create({ type: 'code', epic: 'walls', title: 'late' })
    const other = await lead.tasks.create({ type: 'code', epic: 'roof', priority: 'low' })
    await ada.tasks.complete(leaseOf(held))
    expect((await ada.tasks.claim({ limit: 5 })).tasks.map(({ id }) => id)).toEqual([other.id])
    expect(rows(server, "select 1 from tasks where parked_on = 'epic/walls'")).toHaveLength(3)
    const wait = await waiting(ada, ada.tasks.claim({ limit: 5, waitMs: 20_000 }))
    await lead.agents.resume({ epic: 'walls' })
    expect((await wait.call).tasks.map(({ title }) => title)).toEqual(['ready', 'blocked', 'late'])
  })

  test('a pause and a resume are one event each, of the epic', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    for (let round = 0; round < 2; round += 1) await lead.agents.pause({ epic: 'walls', reason: 'fire' })
    for (let round = 0; round < 2; round += 1) await lead.agents.resume({ epic: 'walls' })
    const { events } = await lead.events.list({ epic: 'walls' })
    expect(events).toMatchObject([
      { type: 'epic.paused', subject: null, data: { epic: 'walls', reason: 'fire' } },
      { type: 'epic.resumed', subject: null, data: { epic: 'walls', reason: null } },
    ])
  })

  test('a task that waits for a lock of the same name waits for the lock', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    await lead.tasks.create({ type: 'code', locks: ['epic:walls'] })
    const held = await claimOne(ada)
    const task = await lead.tasks.create({ type: 'code', locks: ['epic:walls'] })
    await lead.agents.pause({ epic: 'walls' })
    expect((await bob.tasks.claim()).tasks).toEqual([])
    await ada.tasks.complete(leaseOf(held))
    expect((await claimOne(bob)).id).toBe(task.id)
  })
})

test('a pause needs a tech lead and names exactly one existing agent, epic or project', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  for (const call of [lead.agents.pause, lead.agents.resume]) {
    expect(await refusal(call({}))).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await refusal(call({ agent: 'ada', all: true }))).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await refusal(call({ agent: 'absent' }))).toMatchObject({ code: 'NOT_FOUND' })
  }
  expect(await refusal(ada.agents.pause({ agent: 'ada' }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(ada.agents.resume({ agent: 'ada' }))).toMatchObject({ code: 'FORBIDDEN' })
})
