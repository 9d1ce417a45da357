import { expect, test } from 'vitest'
import { onPostgres, refusal, TestServer } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'
import { Wire } from '../transports/wire.ts'
import { nextRequest, routed } from './asked.ts'
import { rows, tamper } from './given.ts'

test('the same key is the same request: both calls wait for the one reply', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const input = { method: 'm', target: 'bob', idempotencyKey: 'k' }
  const answers = [lead.requests.route(input), lead.requests.route(input)]
  const { asked } = await nextRequest(bob)
  await bob.requests.reply({ requestId: asked.requestId, result: 7 })
  answers.push(lead.requests.route(input))
  for (const answer of await Promise.all(answers))
    expect(answer).toMatchObject({ requestId: asked.requestId, result: 7 })
  expect(rows(server, 'SELECT id FROM messages')).toHaveLength(1)
  expect((await bob.messages.receive({})).messages).toEqual([])
  const other = refusal(lead.requests.route({ ...input, method: 'other' }))
  expect(await other).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('a caller that loses its socket ends its wait and not the request, and gets the reply over the next socket', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const caller = server.connect({ url: hop.url })
  const answer = caller.requests.route({ method: 'm', target: 'bob' })
  const { asked } = await nextRequest(bob)
  hop.refuse()
  hop.cut()
  await bob.requests.reply({ requestId: asked.requestId, result: 'kept' })
  hop.accept()
  expect(await answer).toMatchObject({ requestId: asked.requestId, result: 'kept' })
  expect((await lead.events.list({ types: ['request.routed'] })).events).toHaveLength(1)
})

test('a caller may end its wait, and the request continues', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const leaving = new AbortController()
  const ended = refusal(lead.requests.route({ method: 'm', target: 'bob' }, { signal: leaving.signal }))
  const { asked } = await nextRequest(bob)
  leaving.abort()
  expect(await ended).toMatchObject({ code: 'DEADLINE_EXCEEDED', applied: 'unknown' })
  expect(await bob.requests.reply({ requestId: asked.requestId })).toMatchObject({ inTime: true })
})

test.skipIf(onPostgres)(
  'a request survives the server, and its deadline moves by the length of the outage',
  async () => {
    await using server = await TestServer.start()
    const bob = await server.agent('bob')
    const input = { method: 'm', target: 'bob', timeoutMs: 5_000, idempotencyKey: 'k' }
    using wire = await Wire.open(server.url)
    wire.send({ id: 1, method: 'mutation', params: { path: 'requests.route', input } })
    await routed(server.connect())
    await server.stop()
    server.clock.advance(60_000)
    await using again = await TestServer.start({ folder: server.folder, clock: server.clock })
    await again.sweep()
    const back = again.connect({ token: bob.token })
    const answer = again.connect().requests.route(input)
    const { asked } = await nextRequest(back)
    expect(await back.requests.reply({ requestId: asked.requestId, result: 1 })).toMatchObject({ inTime: true })
    expect(await answer).toMatchObject({ result: 1 })
  },
)

test('a request without a caller times out once', async () => {
  await using server = await TestServer.start()
  const [lead] = [server.connect(), await server.agent('bob')]
  using wire = await Wire.open(server.url)
  const input = { method: 'm', target: 'bob', timeoutMs: 100 }
  wire.send({ id: 1, method: 'mutation', params: { path: 'requests.route', input } })
  await routed(lead)
  wire.ws.close()
  await wire.closed
  await lead.system.info()
  await server.advance(99)
  expect((await lead.events.list({ types: ['request.timed_out'] })).events).toEqual([])
  await server.advance(1)
  await server.advance(1_000)
  expect((await lead.events.list({ types: ['request.timed_out'] })).events).toHaveLength(1)
})

test('more requests than one batch of the sweep all time out', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  tamper(
    server,
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
     INSERT INTO requests (id, project_id, method, to_agent, message_id, created_at, deadline_at)
     SELECT '01890000-0000-7000-8000-' || (100000000000 + i), (SELECT id FROM projects), 'm', '${bob.id}', 'none', 1, 1 FROM n`,
  )
  await server.sweep()
  expect(rows(server, "SELECT id FROM requests WHERE status = 'waiting'")).toEqual([])
  expect((await lead.events.list({ types: ['request.timed_out'], limit: 1_000 })).events).toHaveLength(250)
})

test('a reply whose wake was lost is found at the deadline', async () => {
  await using server = await TestServer.start()
  const [lead] = [server.connect(), await server.agent('bob')]
  const answer = lead.requests.route({ method: 'm', target: 'bob', timeoutMs: 5_000 })
  await routed(lead)
  // The statement writes the reply as another process would if it could not notify this one.
  tamper(server, `UPDATE requests SET status = 'replied', reply = '{"result":"quiet"}'`)
  server.clock.advance(5_000)
  expect(await answer).toMatchObject({ ok: true, result: 'quiet' })
})
