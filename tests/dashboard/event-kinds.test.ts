import { eventTypes } from '@tony/mcp-shared/event-words'
import { expect, test } from 'vitest'
import { changesNeeds, lockChanges, queueChanges, taskChanges } from '../../dashboard/src/data/event-kinds.ts'
import { TestServer } from '../support/server.ts'

const patterns = { lockChanges, queueChanges, taskChanges }
const matching = (type: string) => Object.entries(patterns).flatMap(([name, one]) => (one.test(type) ? [name] : []))
const changes = eventTypes.filter((type) => type.startsWith('task.') && type !== 'task.progressed')

test.each(changes)('the dashboard reads totals, locks and stuck tasks again after %s', (type) => {
  expect(matching(type)).toEqual(Object.keys(patterns))
})

test('progress makes the dashboard read nothing again', () => {
  expect(matching('task.progressed')).toEqual([])
})

test('a verdict changes the number beside Needs you, and a completed task without a review does not', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  const agent = await server.agent('worker')
  const complete = async (acceptance?: 'verify') => {
    const { id } = await client.tasks.create({ type: 'code', acceptance })
    const [leased] = (await agent.tasks.claim({})).tasks
    await agent.tasks.complete({ taskId: id, leaseToken: leased?.leaseToken ?? '' })
    return id
  }
  await complete()
  const reviewed = await complete('verify')
  await client.tasks.verify({ taskId: reviewed, accept: true })
  const { events } = await client.events.list({ limit: 1_000 })
  const types = events.filter(changesNeeds).map(({ type }) => type)
  expect(types).toEqual(['task.submitted', 'task.completed'])
})
