import { expect, test } from 'vitest'
import { refusal, TestServer, take } from '../support/server.ts'
import { reading, receiptOf, receiveOne, rows } from './given.ts'

const note = { type: 'note', payload: null }

test('messages are delivered by priority and then by age', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const sent = ['low', 'normal', 'critical', 'high', 'normal', 'urgent'] as const
  for (const [payload, priority] of sent.entries())
    await lead.messages.send({ to: 'bob', type: 'n', payload, priority })
  const { messages } = await bob.messages.receive({})
  expect(messages.map(({ payload }) => payload)).toEqual([2, 5, 3, 1, 4, 0])
  expect(messages[1]?.priority).toBe('critical')
})

test('a message is delivered once until its ack deadline', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  await lead.messages.send({ to: 'bob', ...note })
  expect((await bob.messages.receive({})).messages).toHaveLength(1)
  expect((await bob.messages.receive({})).messages).toHaveLength(0)
})

test('receive returns at most its limit', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  for (let index = 0; index < 12; index += 1) await lead.messages.send({ to: 'bob', type: 'n', payload: index })
  expect((await bob.messages.receive({})).messages).toHaveLength(10)
  expect((await bob.messages.receive({ limit: 1 })).messages).toMatchObject([{ payload: 10 }])
})

test('a receive that waits returns new messages, or nothing after its time', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const waiting = bob.messages.receive({ waitMs: 20_000 })
  await bob.agents.heartbeat({})
  await lead.messages.send({ to: 'bob', type: 'n', payload: 'came' })
  expect((await waiting).messages).toMatchObject([{ payload: 'came' }])
  const idle = bob.messages.receive({ waitMs: 20_000 })
  await bob.agents.heartbeat({})
  await server.advance(20_000)
  expect((await idle).messages).toEqual([])
})

test('the inbox subscription delivers stored and new messages', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  await lead.messages.send({ to: 'bob', type: 'n', payload: 1 })
  const next = reading(bob.messages.inbox({ ackWaitMs: 60_000 }))
  expect(await next(1)).toMatchObject([{ payload: 1, attempt: 1, ackBy: '2026-01-01T00:01:00.000Z' }])
  await lead.messages.send({ to: 'bob', type: 'n', payload: 2 })
  expect(await next(1)).toMatchObject([{ payload: 2 }])
})

test('the inbox subscription pauses at maxAckPending and continues with each ack', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  for (let index = 0; index < 4; index += 1) await lead.messages.send({ to: 'bob', type: 'n', payload: index })
  const next = reading(bob.messages.inbox({ maxAckPending: 2 }))
  const [first, second] = await next(2)
  await bob.agents.heartbeat({})
  expect(rows(server, `SELECT id FROM messages WHERE status = 'delivered'`)).toHaveLength(2)
  if (first) await bob.messages.ack(receiptOf(first))
  expect(await next(1)).toMatchObject([{ payload: 2 }])
  if (second) await bob.messages.nak({ ...receiptOf(second), delayMs: 60_000 })
  expect(await next(1)).toMatchObject([{ payload: 3 }])
})

test('ten further critical messages are delivered beyond maxAckPending', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const all = { limit: 100, maxAckPending: 3 }
  for (let index = 0; index < 5; index += 1) await lead.messages.send({ to: 'bob', ...note })
  expect((await bob.messages.receive(all)).messages).toHaveLength(3)
  for (let index = 0; index < 12; index += 1) await lead.messages.send({ to: 'bob', ...note, priority: 'critical' })
  const { messages } = await bob.messages.receive(all)
  expect(messages.map(({ priority }) => priority)).toEqual(Array(10).fill('critical'))
  expect((await bob.messages.receive(all)).messages).toEqual([])
})

test('a message of one agent is never delivered to another', async () => {
  await using server = await TestServer.start()
  const [lead, bob, eve] = [server.connect(), await server.agent('bob'), await server.agent('eve')]
  await lead.messages.send({ to: 'bob', ...note })
  expect((await eve.messages.receive({})).messages).toEqual([])
  const mail = await receiveOne(bob)
  expect(await refusal(eve.messages.ack(receiptOf(mail)))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(eve.messages.nak(receiptOf(mail)))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await bob.messages.ack(receiptOf(mail))).toMatchObject({ status: 'acked' })
})

test('an offline agent keeps its inbox', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  await server.advance(60_000)
  await lead.messages.send({ to: 'bob', type: 'n', payload: 'direct' })
  await lead.messages.send({ to: '*', type: 'n', payload: 'all' })
  expect((await lead.agents.get({ agent: 'bob' })).status).toBe('offline')
  expect((await bob.messages.receive({})).messages.map(({ payload }) => payload)).toEqual(['direct', 'all'])
})

test('an observer has an inbox; a caller that is not an agent has none', async () => {
  await using server = await TestServer.start()
  const [lead, observer] = [server.connect(), await server.agent('watcher', { role: 'observer' })]
  await lead.messages.send({ to: 'watcher', type: 'n', payload: 1 })
  expect(await take(observer.messages.inbox({}), 1)).toMatchObject([{ payload: 1 }])
  expect(await refusal(lead.messages.receive({}))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(take(lead.messages.inbox({}), 1))).toMatchObject({ code: 'FORBIDDEN' })
})

test('numbers out of range are INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const bob = await server.agent('bob')
  for (const input of [{ limit: 0 }, { limit: 101 }, { waitMs: 60_001 }, { maxAckPending: 0 }, { ackWaitMs: 999 }]) {
    expect(await refusal(bob.messages.receive(input))).toMatchObject({ code: 'INVALID_INPUT' })
  }
  expect(await refusal(take(bob.messages.inbox({ maxAckPending: 1_001 }), 1))).toMatchObject({ code: 'INVALID_INPUT' })
})

test('with maxBytes a message that exceeds them stays pending, the first one too', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  for (const payload of ['x'.repeat(98), 'y', 'z'.repeat(200)])
    await lead.messages.send({ to: 'bob', type: 'n', payload })
  expect(await bob.messages.receive({ maxBytes: 99 })).toMatchObject({ messages: [], more: true })
  const both = await bob.messages.receive({ maxBytes: 103 })
  expect(both.messages.map(({ attempt, payload }) => [attempt, String(payload)[0]])).toEqual([
    [1, 'x'],
    [1, 'y'],
  ])
  expect(both.more).toBe(true)
  expect((await bob.messages.receive({})).messages).toHaveLength(1)
})
