import { hashInput } from '@tony/mcp-server/guards/idempotency'
import { messageSendManyInput } from '@tony/mcp-shared/messages'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { receiptOf, rows } from './given.ts'

const note = { type: 'note', payload: 1 }
const nothing = '01890000-0000-7000-8000-000000000000'

test('each message of a batch has its own result, in the order of the input', async () => {
  await using server = await TestServer.start({ config: { maxPending: 2 } })
  const [ann, bob] = [await server.agent('ann'), await server.agent('bob')]
  const { results } = await ann.messages.sendMany({
    messages: [
      { to: 'bob', type: 'first', payload: { n: 1 } },
      { to: 'ghost', ...note },
      { to: 'topic:*', ...note },
      { to: 'bob', ...note, taskId: nothing },
      { to: bob.id, type: 'last', payload: { n: 2 } },
      { to: 'bob', ...note },
      { to: '*', ...note },
    ],
  })
  expect(results.map(({ sent, error }) => error?.code ?? sent?.recipients.map(({ status }) => status))).toEqual([
    ['pending'],
    'NOT_FOUND',
    'INVALID_INPUT',
    'NOT_FOUND',
    ['pending'],
    'INBOX_FULL',
    ['dead'],
  ])
  expect(results[1]).toEqual({ sent: null, error: { code: 'NOT_FOUND', message: 'Agent ghost not found' } })
  const { messages } = await bob.messages.receive({})
  expect(messages.map(({ type, payload }) => [type, payload])).toEqual([
    ['first', { n: 1 }],
    ['last', { n: 2 }],
  ])
  expect(rows(server, 'SELECT id FROM messages')).toHaveLength(3)
  expect(rows(server, 'SELECT id FROM bodies')).toHaveLength(1)
})

test('a batch with the same key is sent once, its refused messages included', async () => {
  await using server = await TestServer.start()
  const [ann, bob] = [await server.agent('ann'), await server.agent('bob')]
  const input = {
    messages: [
      { to: 'bob', ...note },
      { to: 'late', ...note },
    ],
    idempotencyKey: 'k',
  }
  const first = await ann.messages.sendMany(input)
  await server.agent('late')
  expect(await ann.messages.sendMany(input)).toEqual(first)
  const other = ann.messages.sendMany({ ...input, messages: [{ to: 'bob', ...note }] })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', applied: 'no' })
  expect((await bob.messages.receive({})).messages).toHaveLength(1)
})

test('a batch that an earlier version sent as a whole is not sent again when it is repeated', async () => {
  await using server = await TestServer.start()
  const [ann, bob] = [await server.agent('ann'), await server.agent('bob')]
  const input = {
    messages: [
      { to: 'bob', ...note },
      { to: 'nobody', ...note },
      { to: 'bob', ...note },
    ],
    idempotencyKey: 'k',
  }
  const first = await ann.messages.sendMany(input)
  // Earlier versions stored one reply under the key itself.
  server.execute('DELETE FROM idempotency_keys')
  const inputHash = hashInput(messageSendManyInput.parse(input))
  server.execute(
    `INSERT INTO idempotency SELECT project_id, '${ann.id}', 'messages.sendMany', 'k', '${inputHash}',
       '${JSON.stringify(first)}', ${server.clock.wall()} FROM agents WHERE id = '${ann.id}'`,
  )
  expect(await ann.messages.sendMany(input)).toEqual(first)
  const other = ann.messages.sendMany({ ...input, messages: [{ to: 'bob', ...note }] })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', applied: 'no' })
  expect((await bob.messages.receive({})).messages).toHaveLength(2)
})

test('a batch has 1 to 100 valid messages, and observers send none', async () => {
  await using server = await TestServer.start()
  const [ann, eye] = [await server.agent('ann'), await server.agent('eye', { role: 'observer' })]
  const many = (count: number) => ({ messages: Array.from({ length: count }, () => ({ to: 'ann', ...note })) })
  for (const wrong of [many(0), many(101), { messages: [{ to: 'ann', ...note, maxDeliver: 0 }] }]) {
    expect(await refusal(ann.messages.sendMany(wrong))).toMatchObject({ code: 'INVALID_INPUT' })
  }
  expect((await ann.messages.sendMany(many(100))).results).toHaveLength(100)
  expect(await refusal(eye.messages.sendMany(many(1)))).toMatchObject({ code: 'FORBIDDEN' })
})

test('each ack of a batch has its own result, and a refused one does not affect the others', async () => {
  await using server = await TestServer.start()
  const [lead, ann, bob] = [server.connect(), await server.agent('ann'), await server.agent('bob')]
  for (const to of ['bob', 'bob', 'ann']) await lead.messages.send({ to, ...note })
  const [one, two] = (await bob.messages.receive({})).messages.map(receiptOf)
  const [others] = (await ann.messages.receive({})).messages.map(receiptOf)
  if (!one || !two || !others) throw new Error('expected three deliveries')
  const acks = [one, { ...two, receipt: 'stale' }, others, one, { messageId: nothing, receipt: 'x' }, two]
  const { results = [], ...rest } = await bob.messages.ack({ acks })
  expect(rest).toEqual({})
  expect(results.map(({ messageId, status, error }) => [messageId, status ?? error?.code])).toEqual([
    [one.messageId, 'acked'],
    [two.messageId, 'STALE_RECEIPT'],
    [others.messageId, 'NOT_FOUND'],
    [one.messageId, 'acked'],
    [nothing, 'NOT_FOUND'],
    [two.messageId, 'acked'],
  ])
  expect((await lead.events.list({ types: ['message.acked'] })).events).toHaveLength(2)
  expect(await refusal(bob.messages.ack({ acks: [] }))).toMatchObject({ code: 'INVALID_INPUT' })
})
