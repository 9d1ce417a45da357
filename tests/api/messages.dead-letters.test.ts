import type { Client, DeadLetter } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { miscountsBy } from '../support/verify/miscounts.ts'
import { receiptOf, receiveOne, rows } from './given.ts'

const quiet = { limits: { pingMs: 1e12 } }

/** Receives the messages of an inbox and terminates them, so that they are dead letters. */
async function bury(agent: Client, error?: string): Promise<string[]> {
  const { messages } = await agent.messages.receive({ limit: 100 })
  for (const message of messages)
    await agent.messages.term({ ...receiptOf(message), ...(error === undefined ? {} : { error }) })
  return messages.map(({ id }) => id)
}

async function cast(config: { maxPending?: number } = {}) {
  const server = await TestServer.start({ ...quiet, config })
  const [lead, ann, bob] = [server.connect(), await server.agent('ann'), await server.agent('bob')]
  return { server, lead, ann, bob }
}

const ids = ({ deadLetters }: { deadLetters: readonly DeadLetter[] }) => deadLetters.map(({ id }) => id)

test('a terminated message is a dead letter at once, with its reason', async () => {
  const { server, lead, ann, bob } = await cast()
  await using _ = server
  await ann.messages.send({ to: 'bob', type: 'note', payload: 1 })
  const message = await receiveOne(bob)
  const reply = await bob.messages.term({ ...receiptOf(message), error: 'no such file' })
  expect(reply).toEqual({ messageId: message.id, status: 'dead' })
  expect((await bob.messages.deadLetters.list({})).deadLetters).toMatchObject([
    {
      id: message.id,
      status: 'dead',
      attempt: 1,
      lastError: 'no such file',
      failures: [{ attempt: 1, at: '2026-01-01T00:00:00.000Z', reason: 'term', error: 'no such file' }],
    },
  ])
  const { events } = await lead.events.list({ types: ['message.dead'] })
  expect(events).toMatchObject([
    { subject: message.id, actor: bob.id, data: { reason: 'term', error: 'no such file' } },
  ])
  expect(await refusal(bob.messages.term(receiptOf(message)))).toMatchObject({ code: 'STALE_RECEIPT' })
})

test('a term that is repeated with its key counts once', async () => {
  const { server, ann, bob } = await cast()
  await using _ = server
  await ann.messages.send({ to: 'bob', type: 'note', payload: 1 })
  const input = { ...receiptOf(await receiveOne(bob)), idempotencyKey: 'k' }
  const first = await bob.messages.term(input)
  expect(await bob.messages.term(input)).toEqual(first)
  expect(await refusal(bob.messages.term({ ...input, error: 'other' }))).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('messages.inProgress moves the ack deadline, appends no event and needs the current receipt', async () => {
  const { server, lead, ann, bob } = await cast()
  await using _ = server
  await ann.messages.send({ to: 'bob', type: 'note', payload: 1 })
  const receipt = receiptOf(await receiveOne(bob, { ackWaitMs: 10_000 }))
  await server.advance(9_000)
  const before = (await lead.events.list({})).events.length
  const reply = await bob.messages.inProgress({ ...receipt, ackWaitMs: 20_000 })
  expect(reply).toEqual({ messageId: receipt.messageId, ackBy: '2026-01-01T00:00:29.000Z' })
  await server.advance(19_999)
  expect((await lead.events.list({})).events).toHaveLength(before)
  expect(await bob.messages.inProgress(receipt)).toMatchObject({ ackBy: '2026-01-01T00:00:58.999Z' })
  await server.advance(30_000)
  expect(await refusal(bob.messages.inProgress(receipt))).toMatchObject({ code: 'STALE_RECEIPT' })
  expect(await refusal(bob.messages.inProgress({ ...receipt, ackWaitMs: 999 }))).toMatchObject({
    code: 'INVALID_INPUT',
  })
  expect(await refusal(lead.messages.inProgress(receipt))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(lead.messages.term(receipt))).toMatchObject({ code: 'FORBIDDEN' })
})

test('dead letters are listed to their participants and tech leads, oldest first, by each filter', async () => {
  const { server, lead, ann, bob } = await cast()
  await using _ = server
  const eve = await server.agent('eve')
  for (const [to, type] of [
    ['bob', 'a'],
    ['ann', 'b'],
    ['bob', 'b'],
    ['eve', 'a'],
  ] as const)
    await (to === 'ann' ? bob : ann).messages.send({ to, type, payload: to })
  const inBob = await bury(bob)
  await server.advance(1_000)
  const [inAnn, inEve] = [await bury(ann), await bury(eve)]
  const [one = '', three = ''] = inBob
  const [two = ''] = inAnn
  const [four = ''] = inEve
  expect(ids(await lead.messages.deadLetters.list())).toEqual([one, two, three, four])
  expect(ids(await ann.messages.deadLetters.list({}))).toEqual([one, two, three, four])
  expect(ids(await bob.messages.deadLetters.list({}))).toEqual([one, two, three])
  expect(ids(await eve.messages.deadLetters.list({}))).toEqual([four])
  const filters = [
    [{ to: 'bob' }, [one, three]],
    [{ from: bob.id }, [two]],
    [{ type: 'a' }, [one, four]],
    [{ before: '2026-01-01T00:00:01.000Z' }, [one, three]],
    [{ to: 'bob', type: 'b' }, [three]],
    [{ messageIds: [four, two, four] }, [two, four]],
    [{ messageIds: [four, two], from: 'ann' }, [four]],
    [{ messageIds: [four], to: 'bob' }, []],
    [{ messageIds: [one, four], before: '2026-01-01T00:00:01.000Z', type: 'a' }, [one]],
  ] as const
  for (const [filter, expected] of filters)
    expect(ids(await lead.messages.deadLetters.list({ filter })), JSON.stringify(filter)).toEqual(expected)
  expect(ids(await eve.messages.deadLetters.list({ filter: { messageIds: [one, four] } }))).toEqual([four])
  expect(await refusal(lead.messages.deadLetters.list({ filter: { to: 'ghost' } }))).toMatchObject({
    code: 'NOT_FOUND',
  })
  for (const filter of [{}, { messageIds: [one, two, three, four] }]) {
    const first = await lead.messages.deadLetters.list({ filter, limit: 3 })
    const cursor = first.nextCursor ?? ''
    expect([ids(first), ids(await lead.messages.deadLetters.list({ filter, limit: 3, cursor }))]).toEqual([
      [one, two, three],
      [four],
    ])
  }
})

test('a redriven dead letter has all its deliveries again and an empty list of failures', async () => {
  const { server, lead, ann, bob } = await cast()
  await using _ = server
  await ann.messages.send({ to: 'bob', type: 'note', payload: 'x', maxDeliver: 1, ttlMs: 1_000 })
  const first = await receiveOne(bob)
  await bob.messages.nak({ ...receiptOf(first), error: 'first' })
  await server.advance(2_000)
  const waiting = bob.messages.receive({ waitMs: 20_000 })
  await bob.agents.heartbeat({})
  const reply = await lead.messages.deadLetters.redrive({ filter: {} })
  expect(reply).toEqual({ redriven: [first.id], refused: [], more: false })
  const [again] = (await waiting).messages
  expect(again).toMatchObject({ id: first.id, attempt: 1, payload: 'x', expiresAt: null })
  expect(await lead.messages.get({ messageId: first.id })).toMatchObject({ redrives: 1, endedAt: null })
  if (again) await bob.messages.nak({ ...receiptOf(again), error: 'second' })
  expect((await lead.messages.deadLetters.list({})).deadLetters).toMatchObject([
    { redrives: 1, attempt: 1, failures: [{ attempt: 1, reason: 'nak', error: 'second' }] },
  ])
  expect(rows(server, 'SELECT redrives, error FROM delivery_failures ORDER BY redrives')).toEqual([
    { redrives: 0, error: 'first' },
    { redrives: 1, error: 'second' },
  ])
  for (const who of [lead, ann, bob]) {
    const { events } = await who.events.list({ types: ['message.redriven'] })
    expect(events).toMatchObject([
      { subject: first.id, actor: null, data: { messageId: first.id, to: bob.id, redrives: 1 } },
    ])
  }
})

test('a dead letter is redriven once, for any number of concurrent calls', async () => {
  const { server, lead, bob } = await cast()
  await using _ = server
  for (let n = 0; n < 5; n += 1) await lead.messages.send({ to: 'bob', type: 'note', payload: n })
  const buried = await bury(bob)
  const replies = await Promise.all(
    Array.from({ length: 8 }, () => lead.messages.deadLetters.redrive({ filter: { messageIds: buried } })),
  )
  expect(replies.flatMap(({ redriven }) => redriven).sort()).toEqual(buried.toSorted())
  expect((await lead.events.list({ types: ['message.redriven'] })).events).toHaveLength(5)
  const { messages } = await bob.messages.receive({})
  expect(messages.map(({ payload }) => payload)).toEqual([0, 1, 2, 3, 4])
})

test('a redrive that is repeated with its key counts once', async () => {
  const { server, lead, bob } = await cast()
  await using _ = server
  await lead.messages.send({ to: 'bob', type: 'note', payload: 1 })
  const [id] = await bury(bob)
  const input = { filter: {}, idempotencyKey: 'k' }
  const first = await lead.messages.deadLetters.redrive(input)
  await bury(bob)
  expect(await lead.messages.deadLetters.redrive(input)).toEqual(first)
  expect(first.redriven).toEqual([id])
  expect((await lead.messages.deadLetters.list({})).deadLetters).toHaveLength(1)
  const other = lead.messages.deadLetters.redrive({ ...input, limit: 1 })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('a dead letter can be redriven to another agent, who then owns it', async () => {
  const { server, lead, ann, bob } = await cast()
  await using _ = server
  const eve = await server.agent('eve')
  await ann.messages.send({ to: 'bob', type: 'note', payload: 'x' })
  const [id = ''] = await bury(bob)
  await lead.messages.deadLetters.redrive({ filter: { to: 'bob' }, to: 'eve' })
  expect(await receiveOne(eve)).toMatchObject({ id, from: ann.id, to: eve.id, payload: 'x' })
  expect(await refusal(bob.messages.get({ messageId: id }))).toMatchObject({ code: 'NOT_FOUND' })
  for (const who of [ann, bob, eve])
    expect((await who.events.list({ types: ['message.redriven'] })).events).toHaveLength(1)
  expect(miscountsBy((sql) => server.query(sql))).toEqual([])
  expect(await refusal(lead.messages.deadLetters.redrive({ filter: {}, to: 'ghost' }))).toMatchObject({
    code: 'NOT_FOUND',
    message: 'Agent ghost not found',
  })
})

test('a full inbox or an unregistered recipient keeps the dead letter, and the reply names it', async () => {
  const { server, lead, ann, bob } = await cast({ maxPending: 2 })
  await using _ = server
  for (const to of ['bob', 'ann']) await lead.messages.send({ to, type: 'note', payload: to })
  const [inBob = ''] = await bury(bob)
  const [inAnn = ''] = await bury(ann)
  for (let n = 0; n < 2; n += 1) await lead.messages.send({ to: 'bob', type: 'note', payload: n })
  await lead.agents.unregister({ agent: 'ann' })
  const reply = await lead.messages.deadLetters.redrive({ filter: {} })
  expect(reply).toMatchObject({
    redriven: [],
    refused: [
      { messageId: inBob, error: { code: 'INBOX_FULL' } },
      { messageId: inAnn, error: { code: 'NOT_FOUND' } },
    ],
    more: false,
  })
  expect(ids(await lead.messages.deadLetters.list({}))).toEqual([inBob, inAnn])
  expect((await lead.events.list({ types: ['message.redriven'] })).events).toEqual([])
  const { messages } = await bob.messages.receive({})
  for (const message of messages) await bob.messages.ack(receiptOf(message))
  expect((await lead.messages.deadLetters.redrive({ filter: {}, to: 'bob' })).redriven).toEqual([inBob, inAnn])
})

test('a redrive or a purge ends at its limit and reports if there are more', async () => {
  const { server, lead, bob } = await cast()
  await using _ = server
  for (let n = 0; n < 5; n += 1) await lead.messages.send({ to: 'bob', type: 'note', payload: n })
  const buried = await bury(bob)
  const { redriven, more } = await lead.messages.deadLetters.redrive({ filter: {}, limit: 2 })
  expect([redriven, more]).toEqual([buried.slice(0, 2), true])
  expect(await lead.messages.deadLetters.purge({ filter: { type: 'note' }, limit: 2 })).toEqual({
    purged: 2,
    more: true,
  })
  expect(await lead.messages.deadLetters.purge({ filter: {}, limit: 2 })).toEqual({ purged: 1, more: false })
  expect(await lead.messages.deadLetters.purge({ filter: {} })).toEqual({ purged: 0, more: false })
})

test('a purged dead letter is deleted with its failures, and the inbox still counts it', async () => {
  const { server, lead, ann, bob } = await cast()
  await using _ = server
  await ann.messages.send({ to: 'bob', type: 'note', payload: 1 })
  const [id = ''] = await bury(bob)
  await lead.messages.deadLetters.purge({ filter: { messageIds: [id] } })
  expect(await refusal(lead.messages.get({ messageId: id }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(rows(server, 'SELECT message_id FROM delivery_failures')).toEqual([])
  expect(rows(server, 'SELECT accepted, purged, dead FROM mailboxes WHERE agent_id = ?', bob.id)).toEqual([
    { accepted: 1, purged: 1, dead: 0 },
  ])
  for (const who of [lead, ann, bob])
    expect((await who.events.list({ types: ['message.purged'] })).events).toMatchObject([{ subject: id }])
  expect(miscountsBy((sql) => server.query(sql))).toEqual([])
})

test('a purge keeps the payload for the other copies of a fan-out', async () => {
  const { server, lead, ann, bob } = await cast()
  await using _ = server
  await lead.messages.send({ to: '*', type: 'note', payload: 'all' })
  await bury(bob)
  await lead.messages.deadLetters.purge({ filter: {} })
  expect(await receiveOne(ann)).toMatchObject({ payload: 'all' })
})

test('only a tech lead redrives and purges, and wrong input is INVALID_INPUT', async () => {
  const { server, lead, ann } = await cast()
  await using _ = server
  expect(await refusal(ann.messages.deadLetters.redrive({ filter: {} }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(ann.messages.deadLetters.purge({ filter: {} }))).toMatchObject({ code: 'FORBIDDEN' })
  for (const wrong of [{ limit: 0 }, { limit: 501 }, { filter: { messageIds: [] } }, { filter: { before: 'soon' } }]) {
    const input = { filter: {}, ...wrong }
    expect(await refusal(lead.messages.deadLetters.redrive(input))).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await refusal(lead.messages.deadLetters.purge(input))).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await refusal(lead.messages.deadLetters.list(input))).toMatchObject({ code: 'INVALID_INPUT' })
  }
  expect(await refusal(lead.messages.deadLetters.list({ cursor: 'x' }))).toMatchObject({ code: 'INVALID_INPUT' })
})
