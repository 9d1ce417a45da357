import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { miscountsBy } from '../support/verify/miscounts.ts'
import { receiptOf, receiveOne, rows } from './given.ts'

const note = { type: 'note', payload: 1 }

async function crowded() {
  const server = await TestServer.start({ config: { maxPending: 40 } })
  const [lead, ann, bob] = [server.connect(), await server.agent('ann'), await server.agent('bob')]
  for (let index = 0; index < 38; index += 1) await ann.messages.send({ to: 'bob', ...note })
  return { server, lead, ann, bob }
}

test('a full inbox refuses a direct send and stores nothing of it', async () => {
  const { server, ann, bob } = await crowded()
  await using _ = server
  const refused = await refusal(ann.messages.send({ to: 'bob', ...note }, { once: true }))
  expect(refused).toMatchObject({ code: 'INBOX_FULL', applied: 'no', details: { agentId: bob.id, maxPending: 40 } })
  expect(rows(server, 'SELECT id FROM messages')).toHaveLength(38)
  expect(rows(server, `SELECT seq FROM event_log WHERE type = 'message.sent'`)).toHaveLength(38)
})

test('the last 5 % of an inbox are for critical messages', async () => {
  const { server, ann } = await crowded()
  await using _ = server
  for (let index = 0; index < 2; index += 1) await ann.messages.send({ to: 'bob', ...note, priority: 'urgent' })
  const refused = ann.messages.send({ to: 'bob', ...note, priority: 'critical' }, { once: true })
  expect(await refusal(refused)).toMatchObject({ code: 'INBOX_FULL' })
  expect(rows(server, 'SELECT pending FROM mailboxes WHERE pending > 0')).toEqual([{ pending: 40 }])
})

test('a delivered message still counts against the capacity, and an acked one does not', async () => {
  const { server, ann, bob } = await crowded()
  await using _ = server
  const message = await receiveOne(bob)
  expect(await refusal(ann.messages.send({ to: 'bob', ...note }, { once: true }))).toMatchObject({
    code: 'INBOX_FULL',
  })
  await bob.messages.ack(receiptOf(message))
  await ann.messages.send({ to: 'bob', ...note })
})

test('the capacity is exact for any number of concurrent senders', async () => {
  await using server = await TestServer.start({ config: { maxPending: 20 } })
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const sends = Array.from({ length: 60 }, () =>
    lead.messages.send({ to: 'bob', ...note }, { once: true }).then(
      () => 'sent',
      (error: { code: string }) => error.code,
    ),
  )
  const outcomes = await Promise.all(sends)
  expect(outcomes.filter((outcome) => outcome === 'sent')).toHaveLength(19)
  expect(outcomes.filter((outcome) => outcome === 'INBOX_FULL')).toHaveLength(41)
  expect((await bob.messages.list({})).messages).toHaveLength(19)
})

test('a full inbox does not stop a fan-out: its copy is a dead letter, and the reply names it', async () => {
  const { server, lead, ann, bob } = await crowded()
  await using _ = server
  const eve = await server.agent('eve')
  const { id, recipients } = await ann.messages.send({ to: '*', ...note, payload: 'all' })
  const statuses = Object.fromEntries(recipients.map(({ agentId, status }) => [agentId, status]))
  expect(statuses).toEqual({ [bob.id]: 'dead', [eve.id]: 'pending' })
  const messageId = recipients.find(({ agentId }) => agentId === bob.id)?.messageId ?? ''
  const { deadLetters } = await bob.messages.deadLetters.list({})
  expect(deadLetters).toMatchObject([
    {
      id: messageId,
      bodyId: id,
      payload: 'all',
      status: 'dead',
      attempt: 0,
      lastError: 'the inbox is full',
      endedAt: '2026-01-01T00:00:00.000Z',
      failures: [{ attempt: 0, reason: 'inbox_full', error: null }],
    },
  ])
  const { events } = await lead.events.list({ types: ['message.sent', 'message.dead'] })
  expect(events.filter(({ subject }) => subject === messageId)).toMatchObject([
    { type: 'message.sent', actor: ann.id },
    { type: 'message.dead', data: { attempt: 0, reason: 'inbox_full' } },
  ])
  expect(miscountsBy((sql) => server.query(sql))).toEqual([])
})

test('every inbox counts its accepted messages in any status', async () => {
  await using server = await TestServer.start({ config: { maxPending: 5 }, limits: { pingMs: 1e12 } })
  const [lead, ann, bob] = [server.connect(), await server.agent('ann'), await server.agent('bob')]
  await ann.messages.send({ to: 'bob', ...note, ttlMs: 1_000 })
  await server.advance(1_000)
  for (let index = 0; index < 5; index += 1) await ann.messages.send({ to: 'bob', ...note, maxDeliver: 2 })
  await ann.messages.send({ to: '*', ...note })
  const { messages } = await bob.messages.receive({ limit: 4 })
  const [one, two, three] = messages.map(receiptOf)
  if (one) await bob.messages.ack(one)
  if (two) await bob.messages.term(two)
  if (three) await bob.messages.nak({ ...three, delayMs: 0 })
  const [mine] = rows<Record<string, number>>(server, 'SELECT * FROM mailboxes WHERE agent_id = ?', bob.id)
  expect(mine).toMatchObject({ accepted: 7, pending: 2, delivered: 1, acked: 1, dead: 2, expired: 1, purged: 0 })
  const [fallen, overflow] = (await lead.messages.deadLetters.list({})).deadLetters.map(({ id }) => id)
  await lead.messages.deadLetters.purge({ filter: { messageIds: [overflow ?? ''] } })
  await lead.messages.deadLetters.redrive({ filter: { messageIds: [fallen ?? ''] }, to: 'ann' })
  const counts = rows<Record<string, number>>(server, 'SELECT * FROM mailboxes ORDER BY accepted')
  expect(counts).toMatchObject([
    { agent_id: ann.id, accepted: 1, pending: 1 },
    { agent_id: bob.id, accepted: 6, pending: 2, delivered: 1, acked: 1, dead: 0, expired: 1, purged: 1 },
  ])
  await server.advance(30_000)
  await server.advance(60_000)
  expect(miscountsBy((sql) => server.query(sql))).toEqual([])
})
