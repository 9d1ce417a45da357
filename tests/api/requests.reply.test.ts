import { expect, test } from 'vitest'
import { refusal, type TestAgent, TestServer } from '../support/server.ts'
import { nextRequest, routed } from './asked.ts'
import { receiptOf, rows } from './given.ts'

const absent = '01890000-0000-7000-8000-000000000000'

/** Makes a request to `bob` and waits for the reply as `caller`. */
function ask(caller: Pick<TestAgent, 'requests'>, timeoutMs = 5_000) {
  const answer = caller.requests.route({ method: 'm', target: 'bob', timeoutMs })
  // The test reads the result later or not at all.
  answer.catch(() => undefined)
  return answer
}

test('only the agent that was asked can reply: for all others the request does not exist', async () => {
  await using server = await TestServer.start()
  const [ada, bob, eve] = [await server.agent('ada'), await server.agent('bob'), await server.agent('eve')]
  const answer = ask(ada)
  const { requestId } = (await nextRequest(bob)).asked
  const none = { code: 'NOT_FOUND', message: `Request ${requestId} not found` }
  expect(await refusal(eve.requests.reply({ requestId }))).toMatchObject(none)
  expect(await refusal(ada.requests.reply({ requestId }))).toMatchObject(none)
  expect(await refusal(bob.requests.reply({ requestId: absent }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(server.connect().requests.reply({ requestId }))).toMatchObject({ code: 'FORBIDDEN' })
  await bob.requests.reply({ requestId, result: 'mine' })
  expect(await answer).toMatchObject({ result: 'mine' })
})

test('the first reply counts: a second one is refused, and its key returns the same result', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const answer = ask(ada)
  const { requestId } = (await nextRequest(bob)).asked
  const reply = { requestId, result: 1, idempotencyKey: 'k' }
  expect(await bob.requests.reply(reply)).toEqual({ requestId, inTime: true })
  expect(await bob.requests.reply(reply)).toEqual({ requestId, inTime: true })
  expect(await refusal(bob.requests.reply({ requestId, result: 2 }))).toMatchObject({
    code: 'ILLEGAL_TRANSITION',
    applied: 'no',
    details: { status: 'replied' },
  })
  expect(await answer).toMatchObject({ result: 1 })
  expect((await ada.events.list({ types: ['request.replied'] })).events).toHaveLength(1)
})

test('one of many concurrent replies counts', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const answer = ask(ada)
  const { requestId } = (await nextRequest(bob)).asked
  const replies = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) => server.connect({ token: bob.token }).requests.reply({ requestId, result: n })),
  )
  expect(replies.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect((await answer).result).toBe(replies.findIndex(({ status }) => status === 'fulfilled'))
})

test('a late reply is kept, and a caller that repeats the request with its key gets it', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const input = { method: 'm', target: 'bob', timeoutMs: 100, idempotencyKey: 'k' }
  const late = refusal(ada.requests.route(input))
  const { requestId } = (await nextRequest(bob)).asked
  await server.advance(100)
  expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(await refusal(ada.requests.route(input))).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(await bob.requests.reply({ requestId, result: 'late' })).toEqual({ requestId, inTime: false })
  expect(await refusal(bob.requests.reply({ requestId }))).toMatchObject({
    code: 'ILLEGAL_TRANSITION',
    details: { status: 'timed_out' },
  })
  expect(await ada.requests.route(input)).toMatchObject({ requestId, ok: true, result: 'late' })
  const { events } = await ada.events.list({ types: ['request.timed_out', 'request.replied'] })
  expect(events.map(({ type, data }) => [type, data])).toEqual([
    ['request.timed_out', { method: 'm' }],
    ['request.replied', { method: 'm', ok: true, inTime: false }],
  ])
})

test('the clock and not the run of a sweep decides if a reply is in time', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const leaving = new AbortController()
  const gone = refusal(ada.requests.route({ method: 'm', target: 'bob', timeoutMs: 100 }, { signal: leaving.signal }))
  const { requestId } = (await nextRequest(bob)).asked
  leaving.abort()
  await gone
  // Only time passes here; no sweep runs.
  server.clock.advance(100)
  expect(await bob.requests.reply({ requestId })).toEqual({ requestId, inTime: false })
  expect((await ada.events.list({ types: ['request.timed_out'] })).events).toHaveLength(1)
})

test('a reply acks the message in any state of its delivery', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const status = () =>
    rows<{ status: string }>(server, 'SELECT status FROM messages ORDER BY ord').map((row) => row.status)
  const delivered = ask(ada)
  const first = await nextRequest(bob)
  await bob.requests.reply({ requestId: first.asked.requestId })
  expect(status()).toEqual(['acked'])
  // The ack that a loop over the inbox sends is a repetition of this one.
  expect(await bob.messages.ack(receiptOf(first.message))).toMatchObject({ status: 'acked' })
  const given = ask(ada)
  const second = await nextRequest(bob)
  await bob.messages.nak({ ...receiptOf(second.message), delayMs: 1_000 })
  expect(status()).toEqual(['acked', 'pending'])
  await bob.requests.reply({ requestId: second.asked.requestId })
  expect(status()).toEqual(['acked', 'acked'])
  await Promise.all([delivered, given])
  await server.advance(2_000)
  expect((await bob.messages.receive({})).messages).toEqual([])
  expect((await ada.events.list({ types: ['message.acked'] })).events).toHaveLength(2)
  expect((await server.connect().system.metrics()).messages).toMatchObject({ accepted: 2, acked: 2, pending: 0 })
})

test('a reply frees capacity in the inbox', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const answers = [ask(ada), ask(ada)]
  await routed(server.connect(), 2)
  const [one] = (await bob.messages.receive({ maxAckPending: 1 })).messages
  const waiting = bob.messages.receive({ maxAckPending: 1, waitMs: 60_000 })
  await bob.system.info()
  const payload = one?.payload
  if (typeof payload !== 'object' || payload === null || !('requestId' in payload)) throw new Error('no request came')
  await bob.requests.reply({ requestId: String(payload.requestId) })
  expect((await waiting).messages).toHaveLength(1)
  await answers[0]
})

test('a reply is a result or an error, and may come from the next incarnation', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const answer = ask(ada)
  const { requestId } = (await nextRequest(bob)).asked
  const both = { requestId, result: 1, error: { code: 'X', message: 'y' } }
  expect(await refusal(bob.requests.reply(both))).toMatchObject({ code: 'INVALID_INPUT' })
  const next = await server.agent('bob')
  expect(await refusal(bob.requests.reply({ requestId }))).toMatchObject({ code: 'STALE_INCARNATION' })
  await next.requests.reply({ requestId, result: 'inherited' })
  expect(await answer).toMatchObject({ result: 'inherited' })
})
