import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, receiptOf, receiveOne, rows, tamper } from './given.ts'

test('the log has no gaps, is in commit order, and contains every change', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.progress({ ...lease, percent: 50 })
  await lead.messages.send({ to: 'worker', type: 'note', payload: 'secret' })
  await worker.messages.ack(receiptOf(await receiveOne(worker)))
  await worker.tasks.complete(lease)
  await lead.agents.unregister({ agent: 'worker' })
  const { events, more } = await lead.events.list({})
  expect(events.map(({ seq, type }) => `${seq} ${type}`)).toEqual([
    '1 agent.registered',
    '2 task.created',
    '3 task.claimed',
    '4 task.progressed',
    '5 message.sent',
    '6 message.acked',
    '7 task.completed',
    '8 agent.unregistered',
  ])
  expect(events[2]).toMatchObject({
    subject: id,
    actor: worker.id,
    at: '2026-01-01T00:00:00.000Z',
    data: { attempt: 1 },
  })
  expect(JSON.stringify(events)).not.toContain('secret')
  expect(more).toBe(false)
})

test('a refused call leaves no gap in the numbers', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await Promise.all([
    lead.tasks.create({ type: 'a' }),
    refusal(lead.tasks.create({ type: 'b', assignedTo: 'ghost' })),
    lead.tasks.create({ type: 'c' }),
    refusal(lead.messages.send({ to: 'ghost', type: 'n', payload: 1 })),
    lead.tasks.create({ type: 'd' }),
  ])
  expect((await lead.events.list({})).events.map(({ seq }) => seq)).toEqual([1, 2, 3])
  expect(rows(server, 'SELECT seq FROM projects')).toEqual([{ seq: 3 }])
})

test('the log has no gaps with many concurrent writers', async () => {
  await using server = await TestServer.start()
  const leads = Array.from({ length: 5 }, () => server.connect())
  await Promise.all(leads.flatMap((lead) => Array.from({ length: 40 }, () => lead.tasks.create({ type: 'code' }))))
  const seqs = rows<{ seq: number }>(server, 'SELECT seq FROM event_log ORDER BY seq').map(({ seq }) => seq)
  expect(seqs).toEqual(Array.from({ length: 200 }, (_, index) => index + 1))
})

test('the pages of a list join without a gap, and only the last one has no next cursor', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: Array.from({ length: 9 }, () => ({ type: 'code' })) })
  const first = await lead.events.list({ limit: 4 })
  const second = await lead.events.list({ limit: 4, cursor: first.cursor })
  const third = await lead.events.list({ limit: 4, cursor: second.cursor })
  const seqs = [first, second, third].map(({ events }) => events.map(({ seq }) => seq))
  expect(seqs).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], [9]])
  expect([first.more, second.more, third.more]).toEqual([true, true, false])
  expect(await lead.events.list({ cursor: third.cursor })).toEqual({ events: [], cursor: third.cursor, more: false })
})

test('a full page at the end of the log has no next cursor', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: [{ type: 'a' }, { type: 'b' }] })
  expect(await lead.events.list({ limit: 2 })).toMatchObject({ more: false, events: { length: 2 } })
})

test('filters restrict the log, each alone and together', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const task = await lead.tasks.create({ type: 'code', epic: 'login' })
  await lead.tasks.create({ type: 'code', epic: 'other' })
  await claimOne(worker)
  await lead.messages.send({ to: 'worker', type: 'n', payload: 1, taskId: task.id, threadId: 't1' })
  await lead.messages.send({ to: 'worker', type: 'n', payload: 1, threadId: 't2' })
  const seqs = async (filter: Parameters<typeof lead.events.list>[0]) =>
    (await lead.events.list(filter)).events.map(({ seq }) => seq)
  expect(await seqs({})).toEqual([1, 2, 3, 4, 5, 6])
  expect(await seqs({ types: ['task.created', 'task.claimed'] })).toEqual([2, 3, 4])
  expect(await seqs({ taskId: task.id })).toEqual([2, 4, 5])
  expect(await seqs({ agentId: worker.id })).toEqual([1, 4, 5, 6])
  expect(await seqs({ epic: 'login' })).toEqual([2, 4])
  expect(await seqs({ threadId: 't1' })).toEqual([5])
  expect(await seqs({ agentId: worker.id, taskId: task.id, types: ['message.sent'] })).toEqual([5])
})

test('a cursor before the log is CURSOR_EXPIRED with the earliest cursor', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  for (const length of [3, 2]) await lead.tasks.createMany({ tasks: Array.from({ length }, () => ({ type: 'code' })) })
  const { cursor } = await lead.events.list({ limit: 1 })
  tamper(server, 'DELETE FROM event_pages WHERE last <= 3')
  const refused = await refusal(lead.events.list({ cursor }))
  expect(refused).toMatchObject({ code: 'CURSOR_EXPIRED', applied: 'no' })
  const { earliest } = refused.details as { earliest: string }
  expect((await lead.events.list({ cursor: earliest })).events.map(({ seq }) => seq)).toEqual([4, 5])
  expect((await lead.events.list({})).events.map(({ seq }) => seq)).toEqual([4, 5])
})

test('a cursor from the future or of another epoch is CURSOR_AHEAD, an invented one INVALID_INPUT', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  const { cursor } = await lead.events.list({})
  const [epoch] = cursor.split('.')
  const ahead = await refusal(lead.events.list({ cursor: `${epoch}.2` }))
  expect(ahead).toMatchObject({ code: 'CURSOR_AHEAD', details: { cursor } })
  expect(await refusal(lead.events.list({ cursor: 'another.1' }))).toMatchObject({ code: 'CURSOR_AHEAD' })
  for (const wrong of ['nonsense', `${epoch}.-1`, '']) {
    expect(await refusal(lead.events.list({ cursor: wrong }))).toMatchObject({ code: 'INVALID_INPUT' })
  }
  expect(await refusal(lead.events.list({ limit: 1_001 }))).toMatchObject({ code: 'INVALID_INPUT' })
})

test('message events are visible to sender, recipient and tech leads only', async () => {
  await using server = await TestServer.start()
  const [ann, bob, eve] = [await server.agent('ann'), await server.agent('bob'), await server.agent('eve')]
  await ann.messages.send({ to: 'bob', type: 'n', payload: 1 })
  const receipt = receiptOf(await receiveOne(bob))
  await bob.messages.nak({ ...receipt, delayMs: 0 })
  await server.advance(250)
  await bob.messages.ack(receiptOf(await receiveOne(bob)))
  const seen = async (who: typeof ann, filter = {}) =>
    (await who.events.list(filter)).events.map(({ type }) => type).filter((type) => type.startsWith('message.'))
  const all = ['message.sent', 'message.nacked', 'message.acked']
  expect(await seen(ann)).toEqual(all)
  expect(await seen(bob)).toEqual(all)
  expect((await server.connect().events.list({ types: ['message.acked'] })).events).toHaveLength(1)
  expect(await seen(eve)).toEqual([])
  expect(await seen(eve, { agentId: bob.id })).toEqual([])
})
