import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { bridgedHost, delivered, httpHost } from './hosts.ts'

const ids = Array.from({ length: 30 }, (_, index) => index)

test('thirty hosts started from one configuration are thirty agents, each of which works', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: ids.map((n) => ({ type: 'code', title: `task ${n}` })) })
  const hosts = await Promise.all(ids.map(() => bridgedHost(server)))
  const taken = await Promise.all(hosts.map((host) => host.takes()))
  expect(new Set(taken).size).toBe(30)
  const { agents } = await lead.agents.list({})
  expect(agents.filter(({ status }) => status === 'active')).toHaveLength(30)
  await Promise.all(hosts.map((host, n) => host.did('complete', { taskId: taken[n], result: `done by ${n}` })))
  const { tasks } = await lead.tasks.list({ status: 'completed' })
  expect(new Set(tasks.map(({ claimedBy }) => claimedBy)).size).toBe(30)
  await Promise.all(hosts.map((host) => host[Symbol.asyncDispose]()))
})

test('a bridge that restarts for the same session is the same agent, with its messages', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const session = { TONY_MCP_SESSION: 'the same' }
  const first = await bridgedHost(server, session)
  const before = await first.did('join')
  await lead.messages.send({ to: String(before['agentId']), type: 'note', payload: 'for later' })
  await delivered(server, 1)
  await first[Symbol.asyncDispose]()
  // The first agent has returned the messages that it received and did not show.
  await server.advance(1_000)
  await using second = await bridgedHost(server, session)
  expect(await second.did('join')).toMatchObject({ agentId: before['agentId'], name: before['name'] })
  const { messages } = await second.did('inbox')
  expect(messages).toMatchObject([{ text: expect.stringContaining('| for later') }])
})

test('a host that ends releases its task at once, without a failure', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  const host = await bridgedHost(server)
  const taskId = await host.takes()
  await host.did('progress', { taskId, notes: 'half of it' })
  await host[Symbol.asyncDispose]()
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'pending', failures: 0 })
  await using next = await bridgedHost(server)
  expect(await next.did('next_task')).toMatchObject({ task: { progress: expect.stringContaining('half of it') } })
})

test('a session that joins again unchanged keeps its leases, and with changes it releases them', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  for (const host of [await bridgedHost(server), await httpHost(server)]) {
    const me = await host.did('join', { type: 'qa' })
    const taskId = await host.takes()
    expect(await host.did('join')).toEqual(me)
    expect(await host.did('join', { type: 'qa' })).toEqual(me)
    expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'in_progress' })
    await host.did('join', { capabilities: ['typescript'] })
    expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'pending', failures: 0 })
    await host[Symbol.asyncDispose]()
  }
})

test.each([
  ['a repository', (git: string) => mkdirSync(git)],
  ['a work tree of it', (git: string) => writeFileSync(git, 'gitdir: /elsewhere/shop/.git/worktrees/x\n')],
])('a session works in the project of %s', async (_, make) => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  await server.connect().projects.create({ name: 'shop' })
  const root = join(server.folder, 'shop')
  mkdirSync(join(root, 'src'), { recursive: true })
  make(join(root, '.git'))
  await using host = await bridgedHost(server, { TONY_MCP_WORKSPACE: join(root, 'src') })
  const { agentId } = await host.did('join')
  const { agents } = await server.connect({ project: 'shop' }).agents.list({})
  expect(agents).toMatchObject([{ id: agentId, name: expect.stringMatching(/^shop-[0-9a-f]{8}$/) }])
})

test('a session in a project that does not exist is refused with the command that creates it', async () => {
  await using server = await TestServer.start()
  await using host = await bridgedHost(server, { TONY_MCP_PROJECT: 'web' })
  const refused = await host.call('join')
  expect(refused).toMatchObject({ ok: false, text: expect.stringContaining('tony-mcp projects create web') })
  expect(refused.text).toContain('Tell the user')
  await server.connect().projects.create({ name: 'web' })
  expect(await host.call('join')).toMatchObject({ ok: true })
})

test.each([
  ['a bridge', bridgedHost],
  ['HTTP', httpHost],
])(
  'a session over %s that an operator has ended gets the reason, and returns only when it joins again',
  async (_, open) => {
    await using server = await TestServer.start()
    const lead = server.connect()
    await lead.tasks.create({ type: 'code' })
    await using host = await open(server)
    const { agentId, name } = await host.did('join')
    const taskId = await host.takes()
    await lead.agents.unregister({ agent: String(agentId) })
    const ended = await host.call('progress', { taskId, percent: 1 })
    expect(ended).toMatchObject({
      ok: false,
      text: expect.stringMatching(/^TOKEN_REVOKED: .*Stop, and tell the user/s),
    })
    expect(await host.call('next_task', { waitSeconds: 0 })).toMatchObject({ ok: false })
    expect(await host.did('join')).toMatchObject({ agentId, name })
    expect(await host.takes()).toBe(taskId)
  },
)

test.each([
  ['a bridge', bridgedHost],
  ['HTTP', httpHost],
])('a session over %s that takes another name is that agent, and leaves the earlier one', async (_, open) => {
  await using server = await TestServer.start()
  await using host = await open(server)
  await host.did('join')
  const renamed = await host.did('join', { name: 'blue-fox' })
  expect(renamed).toMatchObject({ name: 'blue-fox' })
  const { you, agents } = await host.did('who', { offline: true })
  expect(you).toBe('blue-fox')
  expect(agents).toMatchObject([{ agentId: renamed['agentId'] }])
})

test('a session whose agent another process has taken over gets the reason', async () => {
  await using server = await TestServer.start()
  await using host = await bridgedHost(server)
  const { name } = await host.did('join')
  await server.connect().agents.register({ name: String(name), type: 'implementation', takeOver: true })
  const text = async () => (await host.call('next_task', { waitSeconds: 0 })).text
  expect(await text()).toMatch(/^STALE_INCARNATION: .*Another session has taken over/s)
  expect(await text()).toMatch(/^STALE_INCARNATION/)
})

test('a session changes its role by joining again, and its name stays', async () => {
  await using server = await TestServer.start()
  await using host = await bridgedHost(server)
  const worker = await host.did('join')
  expect(worker['role']).toBe('developer')
  const refused = await host.call('add_tasks', { tasks: [{ title: 'one' }] })
  expect(refused).toMatchObject({ ok: false, text: expect.stringMatching(/^FORBIDDEN: .*join with type "tech-lead"/s) })
  expect(await host.did('join', { type: 'tech-lead' })).toMatchObject({ name: worker['name'], role: 'tech-lead' })
  expect(await host.did('add_tasks', { tasks: [{ title: 'one' }] })).toMatchObject({ tasks: [{ key: null }] })
})
