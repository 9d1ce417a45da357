import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { receiptOf, receiveOne, rows } from './given.ts'

async function delivered(server: TestServer, options: { maxDeliver?: number } = {}) {
  const [lead, ann, bob] = [server.connect(), await server.agent('ann'), await server.agent('bob')]
  await ann.messages.send({ to: 'bob', type: 'note', payload: 'hello', ...options })
  const message = await receiveOne(bob)
  return { lead, ann, bob, message, receipt: receiptOf(message) }
}

test('an acked message is settled, and its sender sees it', async () => {
  await using server = await TestServer.start()
  const { ann, bob, message, receipt } = await delivered(server)
  expect(await bob.messages.ack(receipt)).toEqual({ messageId: message.id, status: 'acked' })
  await server.advance(30_000)
  expect((await bob.messages.receive({})).messages).toEqual([])
  const { events } = await ann.events.list({ types: ['message.acked'] })
  expect(events).toMatchObject([{ subject: message.id, actor: bob.id, data: { attempt: 1 } }])
})

test('a repeated ack has no further effect', async () => {
  await using server = await TestServer.start()
  const { lead, bob, receipt } = await delivered(server)
  const first = await bob.messages.ack(receipt)
  expect(await bob.messages.ack(receipt)).toEqual(first)
  expect((await lead.events.list({ types: ['message.acked'] })).events).toHaveLength(1)
})

test('a missed ack deadline causes a redelivery and ends the old receipt', async () => {
  await using server = await TestServer.start()
  const { lead, bob, message, receipt } = await delivered(server)
  await server.advance(29_999)
  expect((await bob.messages.receive({})).messages).toEqual([])
  await server.advance(1)
  await server.advance(250)
  const again = await receiveOne(bob)
  expect(again).toMatchObject({ id: message.id, attempt: 2, payload: 'hello' })
  for (const move of ['ack', 'nak'] as const) {
    const refused = await refusal(bob.messages[move](receipt))
    expect(refused).toMatchObject({
      code: 'STALE_RECEIPT',
      applied: 'no',
      details: { status: 'delivered', attempt: 2 },
    })
  }
  expect(await bob.messages.ack(receiptOf(again))).toMatchObject({ status: 'acked' })
  expect((await lead.events.list({ types: ['message.returned'] })).events).toMatchObject([
    { subject: message.id, actor: null, data: { attempt: 1, reason: 'ack_timeout' } },
  ])
})

test('a nak returns the message after its delay', async () => {
  await using server = await TestServer.start()
  const { lead, bob, message, receipt } = await delivered(server)
  expect(await bob.messages.nak({ ...receipt, delayMs: 10_000, error: 'busy' })).toEqual({
    messageId: message.id,
    status: 'pending',
  })
  await server.advance(9_999)
  expect((await bob.messages.receive({})).messages).toEqual([])
  await server.advance(1)
  expect(await receiveOne(bob)).toMatchObject({ id: message.id, attempt: 2 })
  const { events } = await lead.events.list({ types: ['message.nacked'] })
  expect(events).toMatchObject([{ subject: message.id, actor: bob.id, data: { attempt: 1, error: 'busy' } }])
})

test('without a delay the backoff doubles from 500 ms, with full jitter', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  server.clock.chance = 0.999_999
  const { bob, receipt } = await delivered(server, { maxDeliver: 100 })
  const waits: number[] = []
  for (let current = receipt; waits.length < 9; current = receiptOf(await receiveOne(bob))) {
    await bob.messages.nak(current)
    const [due] = rows<{ at: number }>(server, 'SELECT not_before AS at FROM messages')
    const wait = (due?.at ?? 0) - server.clock.wall()
    waits.push(wait)
    await server.advance(wait)
  }
  expect(waits).toEqual([499, 999, 1_999, 3_999, 7_999, 15_999, 31_999, 59_999, 59_999])
})

test('a nak of the last delivery makes a dead letter with its failures and an event', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  const { lead, bob, message, receipt } = await delivered(server, { maxDeliver: 2 })
  await bob.messages.nak({ ...receipt, delayMs: 0, error: 'first' })
  await server.advance(250)
  const last = receiptOf(await receiveOne(bob))
  expect(await bob.messages.nak({ ...last, error: 'second' })).toEqual({ messageId: message.id, status: 'dead' })
  expect(rows(server, 'SELECT attempt, reason, error FROM delivery_failures ORDER BY attempt')).toEqual([
    { attempt: 1, reason: 'nak', error: 'first' },
    { attempt: 2, reason: 'nak', error: 'second' },
  ])
  expect(rows(server, 'SELECT status, last_error, not_before FROM messages')).toEqual([
    { status: 'dead', last_error: 'second', not_before: null },
  ])
  const { events } = await lead.events.list({ types: ['message.dead'] })
  expect(events).toMatchObject([{ subject: message.id, data: { attempt: 2, reason: 'nak', error: 'second' } }])
  await server.advance(60_000)
  expect((await bob.messages.receive({})).messages).toEqual([])
})

test('five deliveries without an ack make a dead letter', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  const { lead, ann, bob, message } = await delivered(server)
  for (let attempt = 2; attempt <= 5; attempt += 1) {
    await server.advance(30_000)
    await server.advance(8_000)
    expect(await receiveOne(bob)).toMatchObject({ id: message.id, attempt })
  }
  await server.advance(30_000)
  expect(rows(server, 'SELECT status FROM messages')).toEqual([{ status: 'dead' }])
  expect(rows(server, 'SELECT attempt FROM delivery_failures')).toHaveLength(5)
  for (const who of [lead, ann, bob]) {
    const { events } = await who.events.list({ types: ['message.dead'] })
    expect(events).toMatchObject([{ subject: message.id, actor: null, data: { error: 'no ack in time' } }])
  }
})

test('a redelivery answers a receive that waits', async () => {
  await using server = await TestServer.start()
  const { bob, message, receipt } = await delivered(server)
  await bob.messages.nak({ ...receipt, delayMs: 1_000 })
  const waiting = bob.messages.receive({ waitMs: 20_000 })
  await bob.agents.heartbeat({})
  await server.advance(1_000)
  expect((await waiting).messages).toMatchObject([{ id: message.id, attempt: 2 }])
})

test('a nak that is repeated with its key counts once', async () => {
  await using server = await TestServer.start()
  const { bob, receipt } = await delivered(server)
  const first = await bob.messages.nak({ ...receipt, idempotencyKey: 'k' })
  expect(await bob.messages.nak({ ...receipt, idempotencyKey: 'k' })).toEqual(first)
  const other = bob.messages.nak({ ...receipt, error: 'why', idempotencyKey: 'k' })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  expect(await refusal(bob.messages.nak(receipt))).toMatchObject({ code: 'STALE_RECEIPT' })
  expect(await refusal(bob.messages.ack(receipt))).toMatchObject({ code: 'STALE_RECEIPT' })
})

test('a nak of an acked message is refused', async () => {
  await using server = await TestServer.start()
  const { bob, receipt } = await delivered(server)
  await bob.messages.ack(receipt)
  const refused = await refusal(bob.messages.nak(receipt))
  expect(refused).toMatchObject({ code: 'STALE_RECEIPT', details: { status: 'acked' } })
})

test('an unknown message is NOT_FOUND, and wrong input is INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const { lead, bob, receipt } = await delivered(server)
  const absent = { messageId: '01900000-0000-7000-8000-000000000000', receipt: 'x' }
  expect(await refusal(bob.messages.ack(absent))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(bob.messages.nak(absent))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(bob.messages.ack({ ...receipt, receipt: '' }))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(bob.messages.nak({ ...receipt, delayMs: -1 }))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(lead.messages.ack(receipt))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(lead.messages.nak(receipt))).toMatchObject({ code: 'FORBIDDEN' })
})
