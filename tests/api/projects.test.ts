import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { receiptOf, receiveOne } from './given.ts'

const admin = { config: { devRole: 'admin' } } as const

test('the default project always exists', async () => {
  await using server = await TestServer.start()
  expect((await server.connect().projects.list()).projects).toMatchObject([{ name: 'default', path: null }])
})

test('a created project is listed by name, and its event is in the feed of its creator', async () => {
  await using server = await TestServer.start(admin)
  const lead = server.connect()
  const made = await lead.projects.create({ name: 'alpha', path: '/srv/alpha' })
  expect(made).toMatchObject({ name: 'alpha', path: '/srv/alpha', createdAt: '2026-01-01T00:00:00.000Z' })
  expect((await lead.projects.list()).projects.map(({ name }) => name)).toEqual(['alpha', 'default'])
  const { events } = await lead.events.list({})
  expect(events).toMatchObject([{ seq: 1, type: 'project.created', subject: made.id, data: { name: 'alpha' } }])
  expect((await server.connect({ project: 'alpha' }).events.list({})).events).toEqual([])
})

test('a second project with a name is ALREADY_EXISTS', async () => {
  await using server = await TestServer.start(admin)
  const lead = server.connect()
  const first = await lead.projects.create({ name: 'alpha', idempotencyKey: 'k' })
  expect(await lead.projects.create({ name: 'alpha', idempotencyKey: 'k' })).toEqual(first)
  const other = lead.projects.create({ name: 'beta', idempotencyKey: 'k' })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  expect(await refusal(lead.projects.create({ name: 'alpha' }))).toMatchObject({
    code: 'ALREADY_EXISTS',
    applied: 'no',
  })
  expect(await refusal(lead.projects.create({ name: 'default' }))).toMatchObject({ code: 'ALREADY_EXISTS' })
  expect(await refusal(lead.projects.create({ name: ' ' }))).toMatchObject({ code: 'INVALID_INPUT' })
})

test('the developer of dev mode creates projects, and every role reads them', async () => {
  await using server = await TestServer.start()
  const observer = await server.agent('watcher', { role: 'observer' })
  expect(await server.connect().projects.create({ name: 'x' })).toMatchObject({ name: 'x' })
  expect(await refusal(observer.projects.create({ name: 'x' }))).toMatchObject({ code: 'FORBIDDEN' })
  expect((await observer.projects.list()).projects).toHaveLength(1)
})

test('a list contains only the projects that the caller may get, and all of them for an admin', async () => {
  await using server = await TestServer.start(admin)
  await server.connect().projects.create({ name: 'secret merger', path: '/srv/merger' })
  const named = async (client: ReturnType<typeof server.connect>) =>
    (await client.projects.list()).projects.map(({ name }) => name)
  for (const role of ['observer', 'developer', 'tester', 'tech-lead'] as const) {
    const agent = await server.agent(`an ${role}`, { role })
    expect(await refusal(agent.projects.get({ project: 'secret merger' }))).toMatchObject({ code: 'NOT_FOUND' })
    expect(await named(agent)).toEqual(['default'])
  }
  expect(await named(server.connect())).toEqual(['default', 'secret merger'])
})

test('an unknown project is NOT_FOUND', async () => {
  await using server = await TestServer.start()
  const lost = server.connect({ project: 'nowhere' })
  expect(await refusal(lost.tasks.list({}))).toMatchObject({ code: expect.stringMatching(/NOT_FOUND|UNAUTHENTICATED/) })
})

test('the objects of one project do not exist in another', async () => {
  await using server = await TestServer.start(admin)
  const here = server.connect()
  await here.projects.create({ name: 'there' })
  const there = server.connect({ project: 'there' })
  const { token, agentId } = await there.agents.register({ name: 'worker', type: 'implementation' })
  const [foreign, local] = [server.connect({ token }), await server.agent('worker')]
  const { id } = await here.tasks.create({ type: 'code' })
  expect((await foreign.tasks.claim()).tasks).toEqual([])
  expect((await there.tasks.list({})).tasks).toEqual([])
  expect(await refusal(foreign.tasks.get({ taskId: id }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(foreign.tasks.tree({ taskId: id }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(there.tasks.cancel({ taskId: id }))).toMatchObject({ code: 'NOT_FOUND' })
  for (const link of [{ parentId: id }, { dependsOn: [id] }]) {
    expect(await refusal(there.tasks.create({ type: 'code', ...link }))).toMatchObject({ code: 'INVALID_INPUT' })
  }
  expect(await refusal(there.tasks.create({ type: 'code', assignedTo: local.id }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(here.agents.get({ agent: agentId }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(here.agents.unregister({ agent: agentId }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(here.messages.send({ to: agentId, type: 'n', payload: 1 }))).toMatchObject({ code: 'NOT_FOUND' })
  const { recipients } = await here.messages.send({ to: '*', type: 'n', payload: 1 })
  expect(recipients.map((recipient) => recipient.agentId)).toEqual([local.id])
  const receipt = receiptOf(await receiveOne(local))
  expect(await refusal(foreign.messages.ack(receipt))).toMatchObject({ code: 'NOT_FOUND' })
  const { planId } = await here.plans.begin({ name: 'p' })
  expect(await refusal(there.plans.commit({ planId }))).toMatchObject({ code: 'NOT_FOUND' })
  expect((await there.events.list({})).events.map(({ seq }) => seq)).toEqual([1])
})
