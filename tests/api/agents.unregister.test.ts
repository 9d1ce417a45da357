import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, receiveOne, rows } from './given.ts'
import { keeping } from './kept.ts'

test('a tech lead unregisters an agent: its leases are released without a failure, and it leaves the list', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.createMany({ tasks: [{ type: 'a' }, { type: 'b' }] })
  await worker.tasks.claim({ limit: 2 })
  expect(await lead.agents.unregister({ agent: 'worker' })).toEqual({ agentId: worker.id, releasedLeases: 2 })
  expect((await lead.tasks.list({ status: 'pending' })).tasks).toMatchObject([{ failures: 0 }, { failures: 0 }])
  expect((await lead.agents.list({})).agents).toEqual([])
  expect(await refusal(lead.agents.get({ agent: worker.id }))).toMatchObject({ code: 'NOT_FOUND' })
  expect((await lead.events.list({ types: ['agent.unregistered'] })).events).toMatchObject([{ subject: worker.id }])
})

test('an agent may unregister itself', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  await claimOne(worker)
  // The agent's own socket is closed with its sessions, possibly before the reply is sent. The
  // store shows the effect.
  await worker.agents.unregister({}).catch((error: unknown) => expect(error).toMatchObject({ applied: 'unknown' }))
  expect((await lead.agents.list({})).agents).toEqual([])
  const { events } = await lead.events.list({ types: ['agent.unregistered', 'task.released'] })
  expect(events).toMatchObject([{ type: 'task.released' }, { type: 'agent.unregistered', actor: worker.id }])
})

test('the token of an unregistered agent is TOKEN_REVOKED for reads and writes', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.agents.unregister({ agent: worker.id })
  const again = server.connect({ token: worker.token })
  expect(await refusal(again.tasks.list({}))).toMatchObject({ code: 'TOKEN_REVOKED', applied: 'no' })
  expect(await refusal(again.tasks.claim())).toMatchObject({ code: 'TOKEN_REVOKED' })
})

test('an unregistered agent receives no new messages, and its inbox is kept', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.messages.send({ to: 'worker', type: 'note', payload: 1 })
  await lead.agents.unregister({ agent: worker.id })
  expect(await refusal(lead.messages.send({ to: 'worker', type: 'note', payload: 2 }))).toMatchObject({
    code: 'NOT_FOUND',
  })
  expect((await lead.messages.send({ to: '*', type: 'note', payload: 3 })).recipients).toEqual([])
  const back = await server.agent('worker')
  expect(back).toMatchObject({ id: worker.id, incarnation: 3 })
  expect((await back.messages.receive({})).messages.map(({ payload }) => payload)).toEqual([1])
  expect((await lead.agents.list({})).agents).toHaveLength(1)
})

test('unregistering ends the sessions: the refresh token proves nothing any more', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.agents.unregister({ agent: worker.id })
  expect(rows(server, 'SELECT id FROM sessions WHERE revoked_at IS NULL')).toEqual([])
  const call = lead.agents.register({ name: 'worker', type: 'qa', refreshToken: worker.refreshToken })
  expect(await refusal(call)).toMatchObject({ code: 'AGENT_NAME_TAKEN' })
})

test('an agent may not unregister another one, and an unknown agent is NOT_FOUND', async () => {
  await using server = await TestServer.start()
  const [lead, worker, other] = [server.connect(), await server.agent('worker'), await server.agent('other')]
  expect(await refusal(worker.agents.unregister({ agent: other.id }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(lead.agents.unregister({ agent: 'ghost' }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(lead.agents.unregister({}))).toMatchObject({ code: 'FORBIDDEN' })
  await lead.agents.unregister({ agent: other.id })
  expect(await refusal(lead.agents.unregister({ agent: other.id }))).toMatchObject({ code: 'NOT_FOUND' })
})

test('a lease of an agent that was unregistered cannot be completed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  await lead.agents.unregister({ agent: worker.id })
  const again = server.connect({ token: worker.token })
  expect(await refusal(again.tasks.complete(lease))).toMatchObject({ code: 'TOKEN_REVOKED' })
  expect((await lead.tasks.get({ taskId: id })).status).toBe('pending')
})

const minute = 60_000

test('an agent that has been silent for long and has no pending messages is unregistered and then deleted', async () => {
  await using server = await keeping({ agents: { ms: 60 * minute, maxRows: 0 } })
  const lead = server.connect()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  for (const client of [ada, bob]) client.close()
  await lead.messages.send({ to: 'bob', type: 'note', payload: 1 })
  await server.advance(30 * minute)
  const cyd = await server.agent('cyd')
  cyd.close()
  await server.advance(31 * minute)
  await server.sweep()
  const { events } = await lead.events.list({ types: ['agent.unregistered'] })
  expect(events).toMatchObject([{ subject: ada.id, actor: null, data: { name: 'ada' } }])
  expect(rows(server, 'select name, status from agents order by name')).toEqual([
    { name: 'ada', status: 'unregistered' },
    { name: 'bob', status: 'offline' },
    { name: 'cyd', status: 'offline' },
  ])
  expect((await refusal(server.connect({ token: ada.token }).agents.heartbeat({ leases: [] }))).code).toBe(
    'TOKEN_REVOKED',
  )
  // The agent returns as itself while its inbox is kept, and as a new agent after that.
  expect((await server.agent('ada')).id).toBe(ada.id)
  await server.connect().agents.unregister({ agent: 'ada' })
  await server.advance(61 * minute)
  await server.sweep()
  expect((await server.agent('ada')).id).not.toBe(ada.id)
})

test('the inbox of a silent agent is kept for its retention from the time it is unregistered', async () => {
  await using server = await keeping({ agents: { ms: 60 * minute, maxRows: 0 } })
  const ada = await server.agent('ada')
  ada.close()
  await server.connect().messages.send({ to: 'ada', type: 'note', payload: 'kept' })
  await server.advance(90 * minute)
  // The call needs a new socket, because no client has answered the pings on an older one.
  await server.connect().agents.unregister({ agent: 'ada' })
  await server.advance(59 * minute)
  await server.sweep()
  const again = await server.agent('ada')
  expect((await receiveOne(again)).payload).toBe('kept')
})
