import { expect, test } from 'vitest'
import { refusal, TestServer, take } from '../support/server.ts'
import { tamper } from './given.ts'

test('a tech lead takes over a name whose secrets are lost, and the previous holder is fenced', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const lost = await server.agent('blue-fox')
  const taken = await lead.agents.register({ name: 'blue-fox', type: 'implementation', takeOver: true })
  expect(taken).toMatchObject({ agentId: lost.id, incarnation: lost.incarnation + 1 })
  const refused = await refusal(lost.tasks.claim())
  expect(['STALE_INCARNATION', 'CLIENT_CLOSED']).toContain(refused.code)
})

test('a tech lead that registers a taken name without takeOver is refused like any other caller', async () => {
  await using server = await TestServer.start()
  await server.agent('blue-fox')
  const refused = await refusal(server.connect().agents.register({ name: 'blue-fox', type: 'implementation' }))
  expect(refused.code).toBe('AGENT_NAME_TAKEN')
})

test('a call with an optional input works without an input', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await server.agent('worker')
  expect(await lead.tasks.list()).toMatchObject({ tasks: [] })
  expect(await agent.agents.heartbeat()).toEqual({ extended: [], lost: [], state: 'running' })
  const [first] = await take(lead.events.subscribe(), 1)
  expect(first?.type).toBe('checkpoint')
})

test('a cursor into a deleted part of the log is expired, and the log continues after its last number', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  await lead.tasks.create({ type: 'code' })
  const { cursor } = await lead.events.list({ limit: 1 })
  tamper(server, 'DELETE FROM event_pages')
  const refused = await refusal(lead.events.list({ cursor }))
  expect(refused.code).toBe('CURSOR_EXPIRED')
  await lead.tasks.create({ type: 'code' })
  const { events } = await lead.events.list()
  expect(events.map(({ seq }) => seq)).toEqual([3])
})
