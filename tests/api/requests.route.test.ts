import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { Wire } from '../transports/wire.ts'
import { nextRequest, routed } from './asked.ts'
import { claimOne, rows, tamper } from './given.ts'

const code = { capabilities: ['code'] }
const absent = '01890000-0000-7000-8000-000000000000'

test('a request reaches the named agent by its inbox, and the reply reaches the caller', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const answer = ada.requests.route({ method: 'review', params: { lines: [1, 2] }, target: 'bob' })
  const { asked, message } = await nextRequest(bob)
  expect(asked).toMatchObject({ method: 'review', params: { lines: [1, 2] } })
  expect(message).toMatchObject({
    type: 'request',
    from: ada.id,
    priority: 'high',
    correlationId: asked.requestId,
    expiresAt: '2026-01-01T00:00:30.000Z',
  })
  const { requestId } = asked
  expect(await bob.requests.reply({ requestId, result: ['fine'] })).toEqual({ requestId, inTime: true })
  expect(await answer).toEqual({ requestId, agentId: bob.id, ok: true, result: ['fine'], error: null })
})

test('a target may be named by its id, and a reply may be an error or empty', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const ask = () => lead.requests.route({ method: 'build', target: bob.id })
  const failing = ask()
  const first = await nextRequest(bob)
  expect(first.asked.params).toBeNull()
  const error = { code: 'NO_COMPILER', message: 'there is none here' }
  await bob.requests.reply({ requestId: first.asked.requestId, error })
  expect(await failing).toMatchObject({ ok: false, result: null, error })
  const empty = ask()
  await bob.requests.reply({ requestId: (await nextRequest(bob)).asked.requestId })
  expect(await empty).toMatchObject({ ok: true, result: null, error: null })
})

test('a request without a target goes to the least busy capable agent', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const [ada, bob] = [await server.agent('ada', code), await server.agent('bob', code)]
  await server.agent('cy', { capabilities: ['other'] })
  await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }, { type: 'code' }] })
  await claimOne(ada)
  await claimOne(ada)
  await claimOne(bob)
  const askedNow = () =>
    rows<{ name: string }>(
      server,
      'SELECT a.name FROM requests r JOIN agents a ON a.id = r.to_agent ORDER BY r.id',
    ).map(({ name }) => name)
  const waiting: Promise<unknown>[] = []
  for (let count = 1; count <= 3; count += 1) {
    waiting.push(lead.requests.route({ method: 'code' }))
    await routed(lead, count)
  }
  // The agents hold 2 leases and 1; then 2 and 2, so the name decides; then 3 and 2.
  expect(askedNow()).toEqual(['bob', 'ada', 'bob'])
  for (const agent of [bob, ada, bob]) {
    await agent.requests.reply({ requestId: (await nextRequest(agent)).asked.requestId })
  }
  await Promise.all(waiting)
})

test('a request goes to no agent that is offline, paused, draining, unregistered or without the capability, nor to the caller', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada', code)]
  const none = { code: 'NO_AGENTS_AVAILABLE', message: 'No agents available for method: code', applied: 'no' }
  const route = () => refusal(lead.requests.route({ method: 'code' }))
  expect(await refusal(ada.requests.route({ method: 'code' }))).toMatchObject(none)
  tamper(server, 'UPDATE agents SET paused_at = 1')
  expect(await route()).toMatchObject(none)
  tamper(server, 'UPDATE agents SET paused_at = NULL, draining_at = 1')
  expect(await route()).toMatchObject(none)
  tamper(server, 'UPDATE agents SET draining_at = NULL; UPDATE projects SET paused_at = 1')
  expect(await route()).toMatchObject(none)
  tamper(server, 'UPDATE projects SET paused_at = NULL')
  // The socket is closed, because the reply to a ping counts as activity.
  ada.close()
  server.clock.advance(30_000)
  expect(await route()).toMatchObject(none)
  const back = server.connect({ token: ada.token })
  await back.agents.heartbeat({})
  // This agent has no permission to reply.
  await server.agent('aaron', { ...code, role: 'observer' })
  const answer = lead.requests.route({ method: 'code' })
  await back.requests.reply({ requestId: (await nextRequest(back)).asked.requestId, result: 1 })
  expect(await answer).toMatchObject({ agentId: ada.id, result: 1 })
  await lead.agents.unregister({ agent: 'ada' })
  expect(await route()).toMatchObject(none)
  expect(rows(server, 'SELECT id FROM requests')).toHaveLength(1)
})

test('an unknown or unregistered target is named in the error as in the call', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const notFound = async (target: string, from = lead) =>
    expect(await refusal(from.requests.route({ method: 'm', target }))).toMatchObject({
      code: 'NOT_FOUND',
      message: `Agent ${target} not found`,
    })
  await notFound(absent)
  await notFound('nobody')
  await lead.projects.create({ name: 'other' })
  await notFound(bob.id, server.connect({ project: 'other' }))
  await lead.agents.unregister({ agent: 'bob' })
  await notFound(bob.id)
  await notFound('bob')
})

test('a named agent gets the request although it is offline, and finds it when it is live again', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  server.clock.advance(40_000)
  const answer = lead.requests.route({ method: 'm', target: 'bob', timeoutMs: 60_000 })
  await routed(lead)
  await bob.requests.reply({ requestId: (await nextRequest(bob)).asked.requestId, result: 'back' })
  expect(await answer).toMatchObject({ result: 'back' })
})

test('a full inbox refuses a request and stores nothing of it', async () => {
  await using server = await TestServer.start({ config: { maxPending: 20 } })
  const [lead] = [server.connect(), await server.agent('bob')]
  for (let n = 0; n < 19; n += 1) await lead.messages.send({ to: 'bob', type: 'note', payload: n })
  // The test uses a socket of its own, because the client would repeat the call until its deadline.
  using wire = await Wire.open(server.url)
  const refused = await wire.call('requests.route', 'mutation', { method: 'm', target: 'bob' })
  expect(refused.error?.data).toMatchObject({ code: 'INBOX_FULL', applied: 'no' })
  expect(rows(server, 'SELECT id FROM requests')).toEqual([])
})

test('a request without a reply in time is reported to the caller once and has timed out', async () => {
  await using server = await TestServer.start()
  const [lead] = [server.connect(), await server.agent('bob')]
  const answer = refusal(lead.requests.route({ method: 'm', target: 'bob', timeoutMs: 5_000 }))
  await routed(lead)
  await server.advance(4_999)
  expect(rows(server, 'SELECT status FROM requests')).toEqual([{ status: 'waiting' }])
  await server.advance(1)
  expect(await answer).toMatchObject({ code: 'DEADLINE_EXCEEDED', applied: 'unknown' })
  expect(rows(server, 'SELECT status FROM requests')).toEqual([{ status: 'timed_out' }])
  await server.advance(1_000)
  expect((await lead.events.list({ types: ['request.timed_out'] })).events).toMatchObject([
    { actor: null, data: { method: 'm' } },
  ])
})

test('a request without a timeout waits 30 s, and the client as long', async () => {
  await using server = await TestServer.start()
  const [hasty, bob] = [server.connect({ deadlineMs: 1 }), await server.agent('bob')]
  const answer = hasty.requests.route({ method: 'm', target: 'bob' })
  await routed(server.connect())
  server.clock.advance(29_999)
  await bob.requests.reply({ requestId: (await nextRequest(bob)).asked.requestId, result: 'late but in time' })
  expect(await answer).toMatchObject({ result: 'late but in time' })
})

test('invalid input is refused', async () => {
  await using server = await TestServer.start()
  const [lead, watcher] = [server.connect(), await server.agent('watcher', { role: 'observer' })]
  for (const wrong of [
    { method: '' },
    { method: 'm', timeoutMs: 99 },
    { method: 'm', timeoutMs: 60_001 },
    { method: 'm', target: '' },
  ]) {
    expect(await refusal(lead.requests.route(wrong))).toMatchObject({ code: 'INVALID_INPUT' })
  }
  expect(await refusal(watcher.requests.route({ method: 'm' }))).toMatchObject({ code: 'FORBIDDEN' })
})
