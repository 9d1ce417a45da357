import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { receiveOne, rows } from './given.ts'

test('a message reaches an agent by its name and by its id, with all fields of the sender', async () => {
  await using server = await TestServer.start()
  const [ann, bob] = [await server.agent('ann'), await server.agent('bob')]
  const { id: taskId } = await server.connect().tasks.create({ type: 'code' })
  const first = await ann.messages.send({
    to: 'bob',
    type: 'question',
    payload: { text: 'why?' },
    threadId: 't1',
    taskId,
  })
  const message = await receiveOne(bob)
  expect(first).toEqual({ id: message.id, recipients: [{ agentId: bob.id, messageId: message.id, status: 'pending' }] })
  expect(message).toMatchObject({
    from: ann.id,
    to: bob.id,
    type: 'question',
    payload: { text: 'why?' },
    priority: 'normal',
    threadId: 't1',
    replyTo: null,
    correlationId: null,
    taskId,
    sentAt: '2026-01-01T00:00:00.000Z',
    attempt: 1,
    maxDeliver: 5,
    ackBy: '2026-01-01T00:00:30.000Z',
  })
  await bob.messages.send({ to: ann.id, type: 'answer', payload: null, replyTo: message.id, correlationId: 'c1' })
  expect(await receiveOne(ann)).toMatchObject({ from: bob.id, replyTo: message.id, correlationId: 'c1', payload: null })
})

test('a message and a request carry the incarnation of the sender that wrote them', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const [before, bob] = [await server.agent('ann'), await server.agent('bob')]
  const note = { to: 'bob', type: 'note', payload: 'DONE' }
  const { id: messageId } = await before.messages.send(note)
  const after = await server.agent('ann')
  await after.messages.send(note)
  await after.messages.send({ ...note, to: '*' })
  void after.requests.route({ method: 'm', target: 'bob', timeoutMs: 1_000 }).catch(() => undefined)
  await lead.messages.send(note)
  const received: (number | null)[] = []
  while (received.length < 5)
    for (const { fromIncarnation } of (await bob.messages.receive({ waitMs: 10_000 })).messages)
      received.push(fromIncarnation)
  expect(received.toSorted()).toEqual([1, 2, 2, 2, null])
  const { incarnation } = await lead.agents.get({ agent: 'ann' })
  expect(incarnation).toBe(2)
  expect(await bob.messages.get({ messageId })).toMatchObject({ from: before.id, fromIncarnation: 1 })
})

test('role: reaches every agent of the role except the sender', async () => {
  await using server = await TestServer.start()
  const [dev, qa] = [await server.agent('dev'), await server.agent('qa', { type: 'qa' })]
  const other = await server.agent('other', { type: 'qa' })
  const { recipients } = await qa.messages.send({ to: 'role:tester', type: 'note', payload: 1 })
  expect(recipients.map(({ agentId }) => agentId)).toEqual([other.id])
  expect((await dev.messages.receive({})).messages).toEqual([])
  expect((await dev.messages.send({ to: 'role:tester', type: 'note', payload: 1 })).recipients).toHaveLength(2)
})

test('* reaches every agent except the sender', async () => {
  await using server = await TestServer.start()
  const [a, b] = [await server.agent('a'), await server.agent('b')]
  const c = await server.agent('c', { role: 'observer' })
  const { recipients } = await a.messages.send({ to: '*', type: 'note', payload: 'all' })
  expect(new Set(recipients.map(({ agentId }) => agentId))).toEqual(new Set([b.id, c.id]))
  expect((await a.messages.receive({})).messages).toEqual([])
  for (const agent of [b, c]) expect(await receiveOne(agent)).toMatchObject({ from: a.id, payload: 'all' })
})

test('the payload of a fan-out is stored once beside its copies', async () => {
  await using server = await TestServer.start()
  const [ann] = [await server.agent('ann'), await server.agent('b'), await server.agent('c'), await server.agent('d')]
  const { id } = await ann.messages.send({ to: '*', type: 'note', payload: 'needle' })
  const stored = rows<{ payload: null; body_id: string }>(server, 'SELECT payload, body_id FROM messages')
  expect(stored).toEqual(Array.from({ length: 3 }, () => ({ payload: null, body_id: id })))
  expect(rows(server, 'SELECT id, payload FROM bodies')).toEqual([{ id, payload: '"needle"' }])
})

test('a fan-out without a recipient is accepted and delivers nothing', async () => {
  await using server = await TestServer.start()
  const ann = await server.agent('ann')
  expect((await ann.messages.send({ to: '*', type: 'note', payload: 1 })).recipients).toEqual([])
  expect((await ann.messages.send({ to: 'role:poet', type: 'note', payload: 1 })).recipients).toEqual([])
})

const deep = (levels: number): unknown => (levels === 0 ? 'ground' : { below: deep(levels - 1) })

test.each([
  ['unicode', 'Grüße 🦊 \u2028 עברית \u0001 "quoted" \\ \n'],
  ['numbers', [0, -0.5, 1e-7, -9_007_199_254_740_991, 0.1]],
  ['nothing', null],
  ['an empty object', {}],
  ['the order of keys', { z: 1, a: 2, m: { y: 1, b: 2 } }],
  ['deep nesting', deep(20)],
  ['a large payload', { blocks: Array.from({ length: 200 }, (_, index) => `${index}`.padEnd(800, 'é')) }],
])('a payload is returned unchanged: %s', async (_, payload) => {
  await using server = await TestServer.start()
  const [ann, bob] = [await server.agent('ann'), await server.agent('bob')]
  await ann.messages.send({ to: 'bob', type: 'note', payload })
  await ann.messages.send({ to: '*', type: 'note', payload })
  const { messages } = await bob.messages.receive({})
  expect(messages.map((message) => JSON.stringify(message.payload))).toEqual(Array(2).fill(JSON.stringify(payload)))
})

test.each([
  ['a NUL', 'a\0b'],
  ['a lone surrogate', '\ud800'],
  ['too deep nesting', deep(40)],
  ['an integer beyond JSON', 2 ** 53],
  ['a key that reaches a prototype', JSON.parse('{"__proto__": 1}')],
])('a payload with %s is INVALID_INPUT', async (_, payload) => {
  await using server = await TestServer.start()
  const ann = await server.agent('ann')
  expect(await refusal(ann.messages.send({ to: 'ann', type: 'note', payload }))).toMatchObject({
    code: 'INVALID_INPUT',
  })
})

test('a sender cannot be forged', async () => {
  await using server = await TestServer.start()
  const [ann, bob] = [await server.agent('ann'), await server.agent('bob')]
  const forged = { to: 'ann', type: 'note', payload: 1, from: bob.id }
  expect(await refusal(ann.messages.send(forged))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(rows(server, 'SELECT id FROM messages')).toEqual([])
})

test('the developer of dev mode sends without a sender', async () => {
  await using server = await TestServer.start()
  const ann = await server.agent('ann')
  await server.connect().messages.send({ to: 'ann', type: 'note', payload: 1 })
  expect(await receiveOne(ann)).toMatchObject({ from: null })
})

test('the same key sends once, and another body is refused', async () => {
  await using server = await TestServer.start()
  const [ann, bob] = [await server.agent('ann'), await server.agent('bob')]
  const input = { to: 'bob', type: 'note', payload: { n: 1 }, idempotencyKey: 'k' }
  const first = await ann.messages.send(input)
  expect(await ann.messages.send(input)).toEqual(first)
  const other = ann.messages.send({ ...input, payload: { n: 2 } })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', applied: 'no' })
  expect((await bob.messages.receive({})).messages).toHaveLength(1)
})

test('an unknown recipient is NOT_FOUND with the message of the contract', async () => {
  await using server = await TestServer.start()
  const ann = await server.agent('ann')
  const refused = await refusal(ann.messages.send({ to: 'ghost', type: 'note', payload: 1 }))
  expect(refused).toMatchObject({ code: 'NOT_FOUND', message: 'Agent ghost not found' })
})

test('an observer may not send, and wrong input is INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const [ann, observer] = [await server.agent('ann'), await server.agent('watcher', { role: 'observer' })]
  const input = { to: 'ann', type: 'note', payload: 1 }
  expect(await refusal(observer.messages.send(input))).toMatchObject({ code: 'FORBIDDEN' })
  for (const wrong of [{ type: '' }, { to: '' }, { maxDeliver: 0 }, { maxDeliver: 101 }, { replyTo: 'x' }]) {
    expect(await refusal(ann.messages.send({ ...input, ...wrong }))).toMatchObject({ code: 'INVALID_INPUT' })
  }
})
