import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { receiptOf, receiveOne } from './given.ts'

const note = { to: 'bob', type: 'note', payload: null } as const

test('the sender sees that a message was delivered, shown and acked, and at which times', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const { id: messageId } = await ada.messages.send(note)
  const seen = () => ada.messages.get({ messageId })
  expect(await seen()).toMatchObject({ mode: 'boundary', status: 'pending', deliveredAt: null, shownAt: null })
  const received = await receiveOne(bob)
  expect(await seen()).toMatchObject({ status: 'delivered', deliveredAt: '2026-01-01T00:00:00.000Z', shownAt: null })
  await server.advance(1_000)
  await bob.messages.inProgress({ ...receiptOf(received), shown: true })
  expect(await seen()).toMatchObject({ status: 'delivered', shownAt: '2026-01-01T00:00:01.000Z' })
  await server.advance(1_000)
  await bob.messages.ack(receiptOf(received))
  expect(await seen()).toMatchObject({
    status: 'acked',
    shownAt: '2026-01-01T00:00:01.000Z',
    endedAt: '2026-01-01T00:00:02.000Z',
  })
})

test('a message is shown once: one event for sender, recipient and tech leads, and none for others', async () => {
  await using server = await TestServer.start()
  const [ada, bob, eve] = [await server.agent('ada'), await server.agent('bob'), await server.agent('eve')]
  const { id: messageId } = await ada.messages.send(note)
  const first = await receiveOne(bob)
  await bob.messages.inProgress({ ...receiptOf(first), shown: true })
  await server.advance(10_000)
  await bob.messages.inProgress({ ...receiptOf(first), shown: true })
  const shown = async (who: Client) => (await who.events.list({ types: ['message.shown'] })).events
  for (const who of [ada, bob, server.connect()])
    expect(await shown(who)).toMatchObject([{ subject: messageId, actor: bob.id, data: { messageId, attempt: 1 } }])
  expect(await shown(eve)).toEqual([])
  expect(await ada.messages.get({ messageId })).toMatchObject({ shownAt: '2026-01-01T00:00:00.000Z' })
})

test('messages.inProgress does not mark a message as shown, and neither does an old receipt', async () => {
  await using server = await TestServer.start()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const { id: messageId } = await ada.messages.send(note)
  const first = await receiveOne(bob)
  await bob.messages.inProgress(receiptOf(first))
  await bob.messages.nak({ ...receiptOf(first), delayMs: 0 })
  const late = await refusal(bob.messages.inProgress({ ...receiptOf(first), shown: true }))
  expect(late.code).toBe('STALE_RECEIPT')
  expect(await ada.messages.get({ messageId })).toMatchObject({ shownAt: null })
  expect((await ada.events.list({ types: ['message.shown'] })).events).toEqual([])
})

test('a redriven message is not marked as shown', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const { id: messageId } = await lead.messages.send(note)
  const received = await receiveOne(bob)
  await bob.messages.inProgress({ ...receiptOf(received), shown: true })
  await bob.messages.term(receiptOf(received))
  await lead.messages.deadLetters.redrive({ filter: { messageIds: [messageId] } })
  expect(await lead.messages.get({ messageId })).toMatchObject({ status: 'pending', shownAt: null })
})

test('receive returns messages of the given modes and more urgent ones, and leaves the others', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  for (const mode of ['digest', 'turn_end', 'boundary', 'steer'] as const)
    await lead.messages.send({ ...note, mode, payload: mode })
  const taken = async (upTo?: 'steer' | 'boundary' | 'turn_end' | 'digest') => {
    const { messages } = await bob.messages.receive(upTo === undefined ? {} : { upTo })
    return messages.map(({ mode }) => mode)
  }
  expect(await taken('steer')).toEqual(['steer'])
  expect(await taken('turn_end')).toEqual(['turn_end', 'boundary'])
  expect(await taken('turn_end')).toEqual([])
  expect(await taken()).toEqual(['digest'])
})

test('a program receives messages of every mode at once, by priority and age', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  await lead.messages.send({ ...note, mode: 'digest' })
  await lead.messages.send({ ...note, mode: 'steer' })
  const modes: string[] = []
  for await (const { mode } of bob.messages.inbox()) if (modes.push(mode) === 2) break
  expect(modes).toEqual(['digest', 'steer'])
})
