import { expect, test } from 'vitest'
import { onPostgres, refusal, TestServer } from '../support/server.ts'
import { receiptOf, receiveOne } from './given.ts'

const note = { type: 'note', payload: 1 }
const quiet = { limits: { pingMs: 1e12 } }

test('a message that waits longer than its ttlMs expires, and its participants see it', async () => {
  await using server = await TestServer.start(quiet)
  const [lead, ann, bob] = [server.connect(), await server.agent('ann'), await server.agent('bob')]
  const { id } = await ann.messages.send({ to: 'bob', ...note, ttlMs: 5_000 })
  expect(await bob.messages.get({ messageId: id })).toMatchObject({ expiresAt: '2026-01-01T00:00:05.000Z' })
  await server.advance(4_999)
  expect((await lead.messages.get({ messageId: id })).status).toBe('pending')
  await server.advance(1)
  expect(await bob.messages.get({ messageId: id })).toMatchObject({
    status: 'expired',
    attempt: 0,
    endedAt: '2026-01-01T00:00:05.000Z',
  })
  for (const who of [lead, ann, bob]) {
    const { events } = await who.events.list({ types: ['message.expired'] })
    expect(events).toMatchObject([{ subject: id, actor: null, data: { messageId: id, attempt: 0 } }])
  }
  expect((await bob.messages.receive({})).messages).toEqual([])
})

test('a message past its ttlMs is not delivered, even before a sweep has run', async () => {
  await using server = await TestServer.start(quiet)
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const { id } = await lead.messages.send({ to: 'bob', ...note, ttlMs: 5_000 })
  await lead.messages.send({ to: 'bob', type: 'note', payload: 'stays' })
  await server.advance(4_999)
  // The next sweep is due 250 ms later.
  server.clock.advance(1)
  expect((await bob.messages.receive({})).messages).toMatchObject([{ payload: 'stays' }])
  expect((await lead.messages.get({ messageId: id })).status).toBe('pending')
})

test('a message whose failed delivery returns after its ttlMs expires', async () => {
  await using server = await TestServer.start(quiet)
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const { id } = await lead.messages.send({ to: 'bob', ...note, ttlMs: 5_000 })
  const delivered = await receiveOne(bob)
  await server.advance(10_000)
  expect((await lead.messages.get({ messageId: id })).status).toBe('delivered')
  await bob.messages.nak({ ...receiptOf(delivered), delayMs: 60_000 })
  await server.advance(250)
  expect(await lead.messages.get({ messageId: id })).toMatchObject({ status: 'expired', attempt: 1 })
  const { events } = await lead.events.list({ types: ['message.expired'] })
  expect(events).toMatchObject([{ subject: id, data: { attempt: 1 } }])
})

test('a message that is acked after its ttlMs is acked', async () => {
  await using server = await TestServer.start(quiet)
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const { id } = await lead.messages.send({ to: 'bob', ...note, ttlMs: 5_000 })
  const delivered = await receiveOne(bob)
  await server.advance(10_000)
  await bob.messages.ack(receiptOf(delivered))
  expect((await lead.messages.get({ messageId: id })).status).toBe('acked')
})

test('a message without a ttlMs never expires, and all copies of a fan-out share one ttlMs', async () => {
  await using server = await TestServer.start(quiet)
  const [lead, ann, bob] = [server.connect(), await server.agent('ann'), await server.agent('bob')]
  await lead.messages.send({ to: '*', type: 'note', payload: 'short', ttlMs: 1_000 })
  await lead.messages.send({ to: '*', type: 'note', payload: 'long' })
  await server.advance(600_000)
  for (const agent of [ann, bob]) {
    expect((await agent.messages.list({ status: 'expired' })).messages).toMatchObject([{ payload: 'short' }])
    expect((await agent.messages.receive({})).messages).toMatchObject([{ payload: 'long' }])
  }
})

test.skipIf(onPostgres)('the ttlMs of a message does not pass while the server is away', async () => {
  await using first = await TestServer.start(quiet)
  const [lead, bob] = [first.connect(), await first.agent('bob')]
  const { id } = await lead.messages.send({ to: 'bob', ...note, ttlMs: 5_000 })
  await lead.messages.send({ to: 'bob', type: 'note', payload: 2, ttlMs: 5_000, priority: 'high' })
  const held = await receiveOne(bob)
  await first.stop()
  first.clock.advance(60_000)
  await using second = await TestServer.start({ ...quiet, folder: first.folder, clock: first.clock })
  const again = second.connect({ token: bob.token })
  await second.sweep()
  expect((await again.messages.get({ messageId: id })).status).toBe('pending')
  await again.messages.nak({ ...receiptOf(held), delayMs: 0 })
  await second.sweep()
  expect((await again.messages.get({ messageId: held.id })).status).toBe('pending')
  await second.advance(5_000)
  expect((await again.messages.get({ messageId: id })).status).toBe('expired')
})

test('a ttlMs out of range is INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const ann = await server.agent('ann')
  for (const ttlMs of [999, 2_592_000_001, 1_000.5]) {
    expect(await refusal(ann.messages.send({ to: 'ann', ...note, ttlMs }))).toMatchObject({ code: 'INVALID_INPUT' })
  }
})
