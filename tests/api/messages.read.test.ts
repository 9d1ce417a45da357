import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { receiptOf, receiveOne, tamper } from './given.ts'

const nothing = '01890000-0000-7000-8000-000000000000'

type Page = { messages: readonly { payload: unknown }[]; nextCursor: string | null }

const payloads = ({ messages }: Page) => messages.map(({ payload }) => payload)

/** Returns every payload of a list, page by page. */
async function allOf(page: (cursor: string | undefined) => Promise<Page>): Promise<unknown[]> {
  const all: unknown[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 100; pages += 1) {
    const { messages, nextCursor } = await page(cursor)
    all.push(...messages.map(({ payload }) => payload))
    if (nextCursor === null) return all
    cursor = nextCursor
  }
  throw new Error('the list has no end')
}

/** Sends eleven messages between ann, bob and the lead: 0 to 10. */
async function talk() {
  const server = await TestServer.start({ config: { maxPending: 100 } })
  const [lead, ann, bob, eve] = [
    server.connect(),
    await server.agent('ann'),
    await server.agent('bob'),
    await server.agent('eve'),
  ]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const ids: string[] = []
  for (let n = 0; n < 10; n += 1) {
    const [from, to] = n % 2 === 0 ? [ann, 'bob'] : [bob, 'ann']
    const more = { ...(n % 3 === 0 ? { threadId: 'walls' } : {}), ...(n % 5 === 0 ? { taskId } : {}) }
    ids.push((await from.messages.send({ to, type: n < 5 ? 'early' : 'late', payload: n, ...more })).id)
  }
  ids.push((await ann.messages.send({ to: 'ann', type: 'self', payload: 10 })).id)
  return { server, lead, ann, bob, eve, taskId, ids }
}

test('the sender, the recipient and a tech lead read a whole message', async () => {
  await using server = await TestServer.start()
  const [lead, ann, bob, eve] = [
    server.connect(),
    await server.agent('ann'),
    await server.agent('bob'),
    await server.agent('eve'),
  ]
  const { id } = await ann.messages.send({ to: 'bob', type: 'note', payload: { a: [1] }, correlationId: 'c' })
  const mail = await receiveOne(bob)
  await bob.messages.nak({ ...receiptOf(mail), error: 'busy' })
  const expected = {
    id,
    from: ann.id,
    fromIncarnation: 1,
    to: bob.id,
    address: null,
    bodyId: null,
    type: 'note',
    payload: { a: [1] },
    priority: 'normal',
    mode: 'boundary',
    status: 'pending',
    threadId: null,
    replyTo: null,
    correlationId: 'c',
    taskId: null,
    sentAt: '2026-01-01T00:00:00.000Z',
    expiresAt: null,
    deliveredAt: '2026-01-01T00:00:00.000Z',
    shownAt: null,
    wake: null,
    endedAt: null,
    attempt: 1,
    maxDeliver: 5,
    redrives: 0,
    lastError: 'busy',
  }
  for (const who of [lead, ann, bob]) expect(await who.messages.get({ messageId: id })).toEqual(expected)
  const others = await refusal(eve.messages.get({ messageId: id }))
  const absent = await refusal(eve.messages.get({ messageId: nothing }))
  expect(others).toMatchObject({ code: 'NOT_FOUND', message: `Message ${id} not found`, details: undefined })
  expect(absent).toMatchObject({ code: 'NOT_FOUND', message: `Message ${nothing} not found`, details: undefined })
})

test('a message of another project is NOT_FOUND', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const ann = await server.agent('ann')
  const { id } = await ann.messages.send({ to: 'ann', type: 'note', payload: 1, threadId: 't' })
  await server.connect().projects.create({ name: 'other' })
  const other = server.connect({ project: 'other' })
  expect(await refusal(other.messages.get({ messageId: id }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(other.messages.thread({ threadId: 't' }))).toMatchObject({ code: 'NOT_FOUND' })
  expect((await other.messages.list({})).messages).toEqual([])
})

test("a list has the caller's sent and received messages, each once, newest first", async () => {
  const { server, ann, bob, eve } = await talk()
  await using _ = server
  expect(payloads(await ann.messages.list({}))).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
  expect(payloads(await bob.messages.list({ box: 'in' }))).toEqual([8, 6, 4, 2, 0])
  expect(payloads(await bob.messages.list({ box: 'out' }))).toEqual([9, 7, 5, 3, 1])
  expect(payloads(await eve.messages.list({}))).toEqual([])
  for (const limit of [1, 2, 3, 7]) {
    const read = await allOf((cursor) => ann.messages.list({ limit, ...(cursor === undefined ? {} : { cursor }) }))
    expect(read).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
  }
})

test('a list contains the messages that fit every filter', async () => {
  const { server, lead, ann, bob, taskId } = await talk()
  await using _ = server
  await bob.messages.ack(receiptOf(await receiveOne(bob)))
  expect(payloads(await ann.messages.list({ type: 'early' }))).toEqual([4, 3, 2, 1, 0])
  expect(payloads(await ann.messages.list({ status: 'acked' }))).toEqual([0])
  expect(payloads(await ann.messages.list({ taskId }))).toEqual([5, 0])
  expect(payloads(await bob.messages.list({ taskId, box: 'in', type: 'early', status: 'acked' }))).toEqual([0])
  for (const filter of [{ type: 'early' }, { taskId }, { status: 'pending' }, { box: 'out', type: 'late' }] as const) {
    const read = await allOf((cursor) =>
      ann.messages.list({ ...filter, limit: 1, ...(cursor === undefined ? {} : { cursor }) }),
    )
    expect(read).toEqual(payloads(await ann.messages.list(filter)))
  }
  expect(payloads(await lead.messages.list({ taskId, agent: 'bob' }))).toEqual([5, 0])
  expect(payloads(await lead.messages.list({ taskId, agent: 'bob', box: 'in' }))).toEqual([0])
})

test('a tech lead lists the messages of all agents or of a named one', async () => {
  const { server, lead, ann, bob } = await talk()
  await using _ = server
  expect((await lead.messages.list({})).messages).toHaveLength(11)
  expect(payloads(await lead.messages.list({ type: 'self' }))).toEqual([10])
  expect(payloads(await lead.messages.list({ agent: 'bob', box: 'out' }))).toEqual([9, 7, 5, 3, 1])
  expect((await lead.messages.list({ agent: ann.id })).messages).toHaveLength(11)
  expect(await refusal(lead.messages.list({ agent: 'ghost' }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(lead.messages.list({ box: 'in' }))).toMatchObject({ code: 'FORBIDDEN' })
  const tech = await server.agent('tech', { type: 'tech-lead' })
  expect((await tech.messages.list({})).messages).toHaveLength(11)
  expect((await tech.messages.list({ box: 'in' })).messages).toEqual([])
  expect((await bob.messages.list({ agent: 'bob' })).messages).toHaveLength(10)
})

test('the messages of another agent and of an unknown agent give the same reply', async () => {
  const { server, eve } = await talk()
  await using _ = server
  for (const agent of ['ann', 'ghost']) {
    expect(await refusal(eve.messages.list({ agent }))).toEqual({
      code: 'NOT_FOUND',
      message: `Agent ${agent} not found`,
      details: undefined,
      applied: 'no',
    })
  }
  for (const threadId of ['walls', 'none']) {
    expect(await refusal(eve.messages.thread({ threadId }))).toEqual({
      code: 'NOT_FOUND',
      message: `Thread ${threadId} not found`,
      details: undefined,
      applied: 'no',
    })
  }
})

test("a thread has the caller's sent and received messages, oldest first", async () => {
  const { server, lead, ann, bob, eve } = await talk()
  await using _ = server
  await lead.messages.send({ to: 'eve', type: 'note', payload: 'aside', threadId: 'walls' })
  for (const agent of [ann, bob]) {
    expect(payloads(await agent.messages.thread({ threadId: 'walls' }))).toEqual([0, 3, 6, 9])
  }
  expect(payloads(await eve.messages.thread({ threadId: 'walls' }))).toEqual(['aside'])
  expect(payloads(await lead.messages.thread({ threadId: 'walls' }))).toEqual([0, 3, 6, 9, 'aside'])
  const read = await allOf((cursor) =>
    ann.messages.thread({ threadId: 'walls', limit: 3, ...(cursor === undefined ? {} : { cursor }) }),
  )
  expect(read).toEqual([0, 3, 6, 9])
})

test('a page ends before a megabyte of payload, and the next one continues', async () => {
  await using server = await TestServer.start()
  const ann = await server.agent('ann')
  for (let n = 0; n < 4; n += 1)
    await ann.messages.send({ to: 'ann', type: 'note', payload: `${n}`.padEnd(400_000, '.'), threadId: 't' })
  const first = await ann.messages.list({})
  expect(first.messages).toHaveLength(2)
  const read = await allOf((cursor) => ann.messages.list(cursor === undefined ? {} : { cursor }))
  expect(read.map((payload) => String(payload)[0])).toEqual(['3', '2', '1', '0'])
  const thread = await allOf((cursor) => ann.messages.thread({ threadId: 't', ...(cursor ? { cursor } : {}) }))
  expect(thread.map((payload) => String(payload)[0])).toEqual(['0', '1', '2', '3'])
})

test('a page examines at most 10 000 messages, and the next one continues', async () => {
  await using server = await TestServer.start()
  const [lead, ann] = [server.connect(), await server.agent('ann')]
  await ann.messages.send({ to: 'ann', type: 'rare', payload: 'far' })
  const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO messages (id, project_id, from_agent, to_agent, type, payload, priority, created_at, max_deliver)
    SELECT 'filler ' || i, project_id, from_agent, to_agent, 'common', '1', 2, created_at, 5 FROM messages, n`
  tamper(server, many)
  for (const who of [lead, ann]) {
    const first = await who.messages.list({ type: 'rare' })
    expect([first.messages, first.nextCursor]).toEqual([[], expect.any(String)])
    const cursor = first.nextCursor ?? ''
    expect(await who.messages.list({ type: 'rare', cursor })).toMatchObject({
      messages: [{ payload: 'far' }],
      nextCursor: null,
    })
  }
})

test('a message that was sent long before the received ones is listed once, in its order', async () => {
  await using server = await TestServer.start()
  const [lead, ann] = [server.connect(), await server.agent('ann')]
  await server.agent('bob')
  for (const to of ['ann', 'ann']) await lead.messages.send({ to, type: 'rare', payload: 'in' })
  await ann.messages.send({ to: 'bob', type: 'rare', payload: 'out' })
  const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO messages (id, project_id, to_agent, type, payload, priority, created_at, max_deliver)
    SELECT 'filler ' || i, project_id, to_agent, 'common', '1', 2, created_at, 5 FROM n, messages WHERE ord = 1`
  tamper(server, many)
  const read = await allOf((cursor) => ann.messages.list({ type: 'rare', ...(cursor ? { cursor } : {}) }))
  expect(read).toEqual(['out', 'in', 'in'])
})

test('wrong input is INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const ann = await server.agent('ann')
  const lists = [{ limit: 0 }, { limit: 501 }, { cursor: 'x' }, { cursor: '-1' }, { status: 'lost' as 'dead' }]
  for (const input of lists) expect(await refusal(ann.messages.list(input))).toMatchObject({ code: 'INVALID_INPUT' })
  for (const input of [{ threadId: '' }, { threadId: 't', cursor: 'x' }])
    expect(await refusal(ann.messages.thread(input))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(ann.messages.get({ messageId: 'x' }))).toMatchObject({ code: 'INVALID_INPUT' })
})
