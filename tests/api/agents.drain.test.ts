import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, receiveOne } from './given.ts'

test('a draining agent gets no task and still gets its messages', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })
  const task = await claimOne(ada)
  expect(await lead.agents.drain({ agent: 'ada' })).toMatchObject({ id: ada.id, status: 'draining', paused: false })
  expect(await ada.agents.heartbeat({ leases: [leaseOf(task)] })).toMatchObject({ state: 'draining' })
  expect((await ada.tasks.claim()).tasks).toEqual([])
  await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
  await receiveOne(ada)
  expect((await ada.tasks.next({ completed: leaseOf(task) })).tasks).toEqual([])
  expect((await lead.agents.list({ status: 'draining' })).agents).toMatchObject([{ name: 'ada' }])
})

test('draining ends when the agent registers again', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await server.agent('ada')
  await lead.tasks.create({ type: 'code' })
  await lead.agents.drain({ agent: 'ada' })
  const again = await server.agent('ada')
  expect(await lead.agents.get({ agent: 'ada' })).toMatchObject({ status: 'idle' })
  await claimOne(again)
})

test('a resume ends the drain of an agent, also for a claim that waits', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.agents.drain({ agent: 'ada' })
  await lead.tasks.create({ type: 'code' })
  const waiting = ada.tasks.claim({ waitMs: 20_000 })
  expect((await ada.agents.heartbeat({})).state).toBe('draining')
  await lead.agents.resume({ agent: 'ada' })
  expect((await waiting).tasks).toHaveLength(1)
})

test('a second drain appends no event, and a draining agent that is silent is offline', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  for (let round = 0; round < 2; round += 1) await lead.agents.drain({ agent: ada.id })
  const { events } = await lead.events.list({ types: ['agent.draining'] })
  expect(events).toMatchObject([{ subject: ada.id, data: { name: 'ada' } }])
  // The socket is closed, because the reply to a ping counts as activity.
  ada.close()
  await server.advance(31_000)
  expect(await lead.agents.get({ agent: 'ada' })).toMatchObject({ status: 'offline' })
})

test('agents.drain needs a tech lead and an existing agent', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  expect(await refusal(ada.agents.drain({ agent: 'ada' }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(server.connect().agents.drain({ agent: 'absent' }))).toMatchObject({ code: 'NOT_FOUND' })
})

test('a draining agent is reported as draining during a pause too', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.agents.drain({ agent: 'ada' })
  await lead.agents.pause({ all: true })
  expect((await ada.agents.heartbeat({})).state).toBe('draining')
})
