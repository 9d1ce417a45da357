import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { receiveOne, rows } from './given.ts'

const note = { type: 'note', payload: 1 }

test('topic: reaches the subscribers of a topic but the sender', async () => {
  await using server = await TestServer.start()
  const [ann, bob, eve] = [await server.agent('ann'), await server.agent('bob'), await server.agent('eve')]
  for (const agent of [ann, bob]) await agent.messages.subscribe({ topic: 'walls' })
  await eve.messages.subscribe({ topic: 'roofs' })
  const { recipients } = await ann.messages.send({ to: 'topic:walls', ...note })
  expect(recipients).toMatchObject([{ agentId: bob.id, status: 'pending' }])
  expect(await receiveOne(bob)).toMatchObject({ from: ann.id, address: 'topic:walls', payload: 1 })
  for (const agent of [ann, eve]) expect((await agent.messages.receive({})).messages).toEqual([])
})

test('a topic of another project is another topic', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const ann = await server.agent('ann')
  await ann.messages.subscribe({ topic: 'walls' })
  await server.connect().projects.create({ name: 'other' })
  const other = server.connect({ project: 'other' })
  expect((await other.messages.send({ to: 'topic:walls', ...note })).recipients).toEqual([])
})

test('a subscription to a topic survives the incarnation that made it, and ends when its agent is unregistered', async () => {
  await using server = await TestServer.start()
  const [lead, ann] = [server.connect(), await server.agent('ann')]
  await ann.messages.subscribe({ topic: 'walls' })
  const again = await server.agent('ann')
  expect((await lead.messages.send({ to: 'topic:walls', ...note })).recipients).toMatchObject([{ agentId: ann.id }])
  expect(await receiveOne(again)).toMatchObject({ payload: 1 })
  await lead.agents.unregister({ agent: 'ann' })
  expect((await lead.messages.send({ to: 'topic:walls', ...note })).recipients).toEqual([])
})

test('a repeated subscribe or unsubscribe has no effect and reports that', async () => {
  await using server = await TestServer.start()
  const [lead, ann] = [server.connect(), await server.agent('ann')]
  expect(await ann.messages.subscribe({ topic: 'walls' })).toEqual({ topic: 'walls', topics: ['walls'] })
  expect(await ann.messages.subscribe({ topic: 'doors' })).toEqual({ topic: 'doors', topics: ['doors', 'walls'] })
  await ann.messages.subscribe({ topic: 'walls' })
  expect(await ann.messages.unsubscribe({ topic: 'walls' })).toEqual({ topic: 'walls', topics: ['doors'] })
  await ann.messages.unsubscribe({ topic: 'walls' })
  const { events } = await lead.events.list({ types: ['topic.subscribed', 'topic.unsubscribed'] })
  expect(events).toMatchObject([
    { type: 'topic.subscribed', subject: ann.id, actor: ann.id, data: { topic: 'walls' } },
    { type: 'topic.subscribed', data: { topic: 'doors' } },
    { type: 'topic.unsubscribed', subject: ann.id, data: { topic: 'walls' } },
  ])
})

test('an agent subscribes to at most 256 topics', async () => {
  await using server = await TestServer.start()
  const ann = await server.agent('ann')
  for (let index = 0; index < 256; index += 1) await ann.messages.subscribe({ topic: `t${index}` })
  const refused = await refusal(ann.messages.subscribe({ topic: 'one more' }))
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', applied: 'no' })
  expect((await ann.messages.subscribe({ topic: 't7' })).topics).toHaveLength(256)
  await ann.messages.unsubscribe({ topic: 't7' })
  expect((await ann.messages.subscribe({ topic: 'one more' })).topics).toContain('one more')
})

test('an invalid topic is INVALID_INPUT, and a caller that is not an agent has no subscriptions', async () => {
  await using server = await TestServer.start()
  const [lead, ann] = [server.connect(), await server.agent('ann')]
  for (const topic of ['', '*', 'a*', 'a\nb', 'x'.repeat(129)]) {
    expect(await refusal(ann.messages.subscribe({ topic })), topic).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await refusal(ann.messages.unsubscribe({ topic })), topic).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await refusal(ann.messages.send({ to: `topic:${topic}`, ...note })), topic).toMatchObject({
      code: 'INVALID_INPUT',
    })
  }
  expect(await refusal(lead.messages.subscribe({ topic: 'walls' }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(lead.messages.unsubscribe({ topic: 'walls' }))).toMatchObject({ code: 'FORBIDDEN' })
})

test('a task or a message that the input names must exist', async () => {
  await using server = await TestServer.start()
  const [ann, bob, eve] = [await server.agent('ann'), await server.agent('bob'), await server.agent('eve')]
  const nothing = '01890000-0000-7000-8000-000000000000'
  expect(await refusal(ann.messages.send({ to: 'bob', ...note, taskId: nothing }))).toMatchObject({
    code: 'NOT_FOUND',
    message: `Task ${nothing} not found`,
  })
  const { id } = await ann.messages.send({ to: 'bob', ...note })
  const absent = await refusal(eve.messages.send({ to: 'bob', ...note, replyTo: nothing }))
  const others = await refusal(eve.messages.send({ to: 'bob', ...note, replyTo: id }))
  expect(absent).toMatchObject({ code: 'NOT_FOUND', message: `Message ${nothing} not found` })
  expect(others).toMatchObject({ code: 'NOT_FOUND', message: `Message ${id} not found` })
  expect(rows(server, 'SELECT id FROM messages')).toHaveLength(1)
  for (const agent of [ann, bob]) await agent.messages.send({ to: 'eve', ...note, replyTo: id })
})

test('a fan-out without a recipient stores nothing', async () => {
  await using server = await TestServer.start()
  await server.connect().messages.send({ to: 'topic:walls', ...note })
  expect(rows(server, 'SELECT id FROM bodies')).toEqual([])
})
