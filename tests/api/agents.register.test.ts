import { expect, test } from 'vitest'
import { refusal, TestServer, take } from '../support/server.ts'
import { claimOne, leaseOf, rows } from './given.ts'

const secret = 'a secret of the client’s'

test('a registered agent has the data of its registration', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const said = { name: 'Ada', type: 'qa', capabilities: ['rust'], metadata: { host: 'h1', nested: { a: [1] } } }
  const reply = await lead.agents.register(said)
  expect(reply).toMatchObject({ incarnation: 1, role: 'tester' })
  expect(await lead.agents.get({ agent: 'Ada' })).toEqual({
    ...said,
    id: reply.agentId,
    role: 'tester',
    status: 'idle',
    paused: false,
    incarnation: 1,
    registeredAt: '2026-01-01T00:00:00.000Z',
    lastActivityAt: '2026-01-01T00:00:00.000Z',
  })
})

test('a registration appends an event', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { agentId } = await lead.agents.register({ name: 'Ada', type: 'qa', capabilities: ['rust'] })
  const { events } = await lead.events.list({ types: ['agent.registered'] })
  const data = { name: 'Ada', type: 'qa', role: 'tester', capabilities: ['rust'], incarnation: 1 }
  expect(events).toMatchObject([{ subject: agentId, actor: agentId, data }])
})

test.each([
  ['implementation', 'developer'],
  ['backend-agent', 'developer'],
  ['qa', 'tester'],
  ['security', 'tester'],
  ['tech-lead', 'tech-lead'],
  ['poet', 'observer'],
])('an agent of type %s is a %s unless it asks for another role', async (type, role) => {
  await using server = await TestServer.start()
  const lead = server.connect()
  expect(await lead.agents.register({ name: 'a', type })).toMatchObject({ role })
  expect(await lead.agents.register({ name: 'b', type, role: 'observer' })).toMatchObject({ role: 'observer' })
})

test('only a tech lead registers other agents, and no agent is an admin', async () => {
  await using server = await TestServer.start()
  const [worker, tester] = [await server.agent('worker'), await server.agent('tester', { type: 'qa' })]
  const boss = await server.agent('boss', { type: 'tech-lead' })
  const who = { name: 'new', type: 'poet' }
  for (const agent of [worker, tester]) {
    expect(await refusal(agent.agents.register(who))).toMatchObject({ code: 'FORBIDDEN', applied: 'no' })
  }
  expect(await boss.agents.register(who)).toMatchObject({ role: 'observer' })
  const admin = { ...who, name: 'root', role: 'admin' as 'tech-lead' }
  expect(await refusal(server.connect().agents.register(admin))).toMatchObject({ code: 'INVALID_INPUT' })
})

test.each(['', ' padded', 'role:tester', '*', 'new\nline', 'x'.repeat(129), '01900000-0000-7000-8000-000000000000'])(
  '%j is not a valid name',
  async (name) => {
    await using server = await TestServer.start()
    const refused = await refusal(server.connect().agents.register({ name, type: 'qa' }))
    expect(refused).toMatchObject({ code: 'INVALID_INPUT' })
  },
)

test('a secret that is too short is INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const call = server.connect().agents.register({ name: 'Ada', type: 'qa', clientInstanceId: 'short' })
  expect(await refusal(call)).toMatchObject({ code: 'INVALID_INPUT' })
})

test('the same name and secret is the same agent in a new incarnation', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const input = { name: 'Ada', type: 'qa', clientInstanceId: secret }
  const first = await lead.agents.register(input)
  const second = await lead.agents.register({ ...input, type: 'implementation', capabilities: ['rust'] })
  expect(second).toMatchObject({ agentId: first.agentId, incarnation: 2, role: 'developer' })
  expect(await lead.agents.get({ agent: 'Ada' })).toMatchObject({ capabilities: ['rust'], role: 'developer' })
})

test('a name is not given to a caller that cannot prove to be its holder', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { agentId } = await lead.agents.register({ name: 'Ada', type: 'qa', clientInstanceId: secret })
  const proofs = [{}, { clientInstanceId: 'another secret of another' }, { refreshToken: 'tcr_made-up' }]
  for (const proof of proofs) {
    const refused = await refusal(lead.agents.register({ name: 'Ada', type: 'qa', ...proof }))
    expect(refused).toMatchObject({ code: 'AGENT_NAME_TAKEN', applied: 'no' })
  }
  expect(await lead.agents.get({ agent: agentId })).toMatchObject({ incarnation: 1 })
})

test('a name that was registered without a secret cannot be taken with one', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.agents.register({ name: 'Ada', type: 'qa' })
  const call = lead.agents.register({ name: 'Ada', type: 'qa', clientInstanceId: secret })
  expect(await refusal(call)).toMatchObject({ code: 'AGENT_NAME_TAKEN' })
})

test('the refresh token of the last registration proves the holder, an older one does not', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const who = { name: 'Ada', type: 'qa' }
  const first = await lead.agents.register({ ...who, clientInstanceId: secret })
  const second = await lead.agents.register({ ...who, refreshToken: first.refreshToken })
  expect(second).toMatchObject({ agentId: first.agentId, incarnation: 2 })
  const old = lead.agents.register({ ...who, refreshToken: first.refreshToken })
  expect(await refusal(old)).toMatchObject({ code: 'AGENT_NAME_TAKEN' })
  expect(await lead.agents.register({ ...who, clientInstanceId: secret })).toMatchObject({ incarnation: 3 })
})

test('of two agents that register one name at the same time one gets it', async () => {
  await using server = await TestServer.start()
  const calls = ['first secret, long enough', 'other secret, long enough'].map((clientInstanceId) =>
    server.connect().agents.register({ name: 'Ada', type: 'qa', clientInstanceId }),
  )
  const outcomes = await Promise.allSettled(calls)
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('a new incarnation releases the leases of the old one and costs no failure', async () => {
  await using server = await TestServer.start()
  const [lead, old] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(old))
  const fresh = await server.agent('worker')
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'pending', failures: 0 })
  expect(await refusal(fresh.tasks.complete(lease))).toMatchObject({ code: 'STALE_LEASE' })
  expect(await claimOne(fresh)).toMatchObject({ id, attempt: 2, failures: 0 })
  const { events } = await lead.events.list({ types: ['task.released'] })
  expect(events).toMatchObject([{ subject: id, data: { reason: 'takeover' } }])
})

test('a new incarnation keeps the inbox', async () => {
  await using server = await TestServer.start()
  const old = await server.agent('worker')
  await server.connect().messages.send({ to: old.id, type: 'note', payload: 'hello' })
  const fresh = await server.agent('worker')
  expect((await fresh.messages.receive({})).messages).toMatchObject([{ payload: 'hello', to: old.id }])
})

test('the old incarnation can neither read nor write, and its socket is closed', async () => {
  await using server = await TestServer.start()
  const old = await server.agent('worker')
  const closed = refusal(take(old.events.subscribe({ types: ['plan.committed'] }), 2))
  await old.agents.heartbeat({})
  await server.agent('worker')
  expect(await closed).toMatchObject({ code: 'STALE_INCARNATION' })
  const again = server.connect({ token: old.token })
  expect(await refusal(again.agents.list({}))).toMatchObject({ code: 'STALE_INCARNATION', applied: 'no' })
  expect(await refusal(again.tasks.claim())).toMatchObject({ code: 'STALE_INCARNATION' })
  expect(await refusal(take(again.events.subscribe({}), 1))).toMatchObject({ code: 'STALE_INCARNATION' })
})

test('the old incarnation is still refused after a restart of the server', async () => {
  await using server = await TestServer.start()
  const old = await server.agent('worker')
  const left = await server.agent('left')
  await server.agent('worker')
  await server.connect().agents.unregister({ agent: left.id })
  await server.stop()
  await using second = await TestServer.start({ folder: server.folder, clock: server.clock })
  const again = second.connect({ token: old.token })
  expect(await refusal(again.agents.list({}))).toMatchObject({ code: 'STALE_INCARNATION' })
  expect(await refusal(again.agents.heartbeat({}))).toMatchObject({ code: 'STALE_INCARNATION' })
  const gone = second.connect({ token: left.token })
  expect(await refusal(gone.agents.list({}))).toMatchObject({ code: 'TOKEN_REVOKED' })
  expect(await refusal(gone.agents.heartbeat({}))).toMatchObject({ code: 'TOKEN_REVOKED' })
})

test('a tech lead that is an agent may register itself again', async () => {
  await using server = await TestServer.start()
  const boss = await server.agent('boss', { type: 'tech-lead' })
  const other = await server.agent('other', { type: 'tech-lead' })
  const { clientInstanceId } = boss
  const reply = await other.agents.register({ name: 'boss', type: 'tech-lead', clientInstanceId })
  expect(reply).toMatchObject({ agentId: boss.id, incarnation: 2 })
})

test('the database contains secrets only as hashes', async () => {
  await using server = await TestServer.start()
  const agent = await server.agent('worker')
  const stored = JSON.stringify([rows(server, 'SELECT * FROM agents'), rows(server, 'SELECT * FROM sessions')])
  for (const clear of [agent.clientInstanceId, agent.refreshToken, agent.token]) expect(stored).not.toContain(clear)
  expect(JSON.stringify(await server.connect().agents.get({ agent: agent.id }))).not.toContain(agent.clientInstanceId)
})
