import type { Client, FeedEvent, Task } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { patchTask } from '../../dashboard/src/data/patch-task.ts'
import {
  hasGap,
  insertTask,
  patchPages,
  placeTask,
  readSinceOf,
  type TaskPages,
} from '../../dashboard/src/data/task-pages.ts'
import { loadRunning, patchRunning } from '../../dashboard/src/pages/fleet/running.ts'
import { type TestAgent, TestServer } from '../support/server.ts'

/** The fields that the lists of the dashboard show. */
const shown = ({ id, title, status, attempt, claimedBy, leaseExpiresAt, progress, hold }: Task) => ({
  id,
  title,
  status,
  attempt,
  claimedBy,
  leaseExpiresAt,
  percent: progress?.percent,
  message: progress?.message,
  hold,
})

async function allEvents(client: Client): Promise<readonly FeedEvent[]> {
  const { events } = await client.events.list({ limit: 1_000 })
  return events
}

/** Claims the task, and gives it a child that it waits for after its lease. */
async function claimWithChild(client: Client, agent: TestAgent, parentId: string) {
  const { tasks } = await agent.tasks.claim({})
  await client.tasks.create({ type: 'code', parentId })
  return tasks.map(({ id, leaseToken }) => ({ taskId: id, leaseToken }))
}

/** One task for each way through the statuses, with the calls that lead there. */
const ways: Readonly<Record<string, (client: Client, agent: TestAgent, taskId: string) => Promise<unknown>>> = {
  'a claim': async (_, agent) => agent.tasks.claim({}),
  'progress in a lease': async (_, agent) => {
    const { tasks } = await agent.tasks.claim({})
    for (const { id, leaseToken } of tasks)
      await agent.tasks.progress({ taskId: id, leaseToken, percent: 40, message: 'half' })
  },
  'a completion': async (_, agent) => {
    const { tasks } = await agent.tasks.claim({})
    for (const { id, leaseToken } of tasks) await agent.tasks.complete({ taskId: id, leaseToken })
  },
  'a failure with attempts left': async (_, agent) => {
    const { tasks } = await agent.tasks.claim({})
    for (const { id, leaseToken } of tasks) await agent.tasks.fail({ taskId: id, leaseToken, error: 'no' })
  },
  'a failure for good and a retry': async (client, agent, taskId) => {
    const { tasks } = await agent.tasks.claim({})
    for (const { id, leaseToken } of tasks)
      await agent.tasks.fail({ taskId: id, leaseToken, error: 'no', retryable: false })
    await client.tasks.retry({ taskId })
  },
  'a release': async (_, agent) => {
    const { tasks } = await agent.tasks.claim({})
    for (const { id, leaseToken } of tasks) await agent.tasks.release({ taskId: id, leaseToken })
  },
  'a failure while a child of it is open': async (client, agent, taskId) => {
    for (const lease of await claimWithChild(client, agent, taskId)) await agent.tasks.fail({ ...lease, error: 'no' })
  },
  'a release while a child of it is open': async (client, agent, taskId) => {
    for (const lease of await claimWithChild(client, agent, taskId)) await agent.tasks.release(lease)
  },
  'an answer while a child of it is open': async (client, agent, taskId) => {
    for (const lease of await claimWithChild(client, agent, taskId))
      await agent.tasks.requestInput({ ...lease, question: 'which?' })
    await client.tasks.provideInput({ taskId, answer: 'this' })
  },
  'a retry while a child of it is open': async (client, agent, taskId) => {
    for (const lease of await claimWithChild(client, agent, taskId))
      await agent.tasks.fail({ ...lease, error: 'no', retryable: false })
    await client.tasks.retry({ taskId })
  },
  'a question and its answer': async (client, agent, taskId) => {
    const { tasks } = await agent.tasks.claim({})
    for (const { id, leaseToken } of tasks)
      await agent.tasks.requestInput({ taskId: id, leaseToken, question: 'which?' })
    await client.tasks.provideInput({ taskId, answer: 'this' })
  },
  'an open question': async (_, agent) => {
    const { tasks } = await agent.tasks.claim({})
    for (const { id, leaseToken } of tasks)
      await agent.tasks.requestInput({ taskId: id, leaseToken, question: 'which?' })
  },
  'a cancellation': (client, _, taskId) => client.tasks.cancel({ taskId }),
  'a hold': (client, _, taskId) => client.tasks.hold({ taskId, reason: 'wait' }),
  'a hold that is lifted': async (client, _, taskId) => {
    await client.tasks.hold({ taskId, reason: 'wait' })
    await client.tasks.unhold({ taskId })
  },
}

test.each(Object.keys(ways))('after %s the events give a listed task the fields that a read gives', async (way) => {
  await using server = await TestServer.start()
  const client = server.connect()
  const agent = await server.agent('worker')
  const created = await client.tasks.create({ type: 'code', title: 'first' })
  const before = await allEvents(client)
  await ways[way]?.(client, agent, created.id)
  const events = (await allEvents(client)).slice(before.length).filter(({ subject }) => subject === created.id)
  const patched = events.reduce(patchTask, created)
  expect(shown(patched)).toEqual(shown(await client.tasks.get({ taskId: created.id })))
})

test('the pages of a filter lose the tasks that leave it, name those that enter, and keep the other pages', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  const agent = await server.agent('worker')
  for (const title of ['a', 'b', 'c', 'd']) await client.tasks.create({ type: 'code', title })
  const first = await client.tasks.list({ status: 'pending', limit: 2 })
  const second = await client.tasks.list({ status: 'pending', limit: 2, cursor: first.nextCursor ?? '' })
  const pages: TaskPages = { pages: [first, second], pageParams: [undefined, first.nextCursor ?? ''] }
  const position = (await allEvents(client)).length
  const { tasks } = await agent.tasks.claim({})
  const late = await client.tasks.create({ type: 'code', title: 'e' })
  const events = (await allEvents(client)).slice(position)
  const patched = patchPages(pages, events, { status: 'pending' })
  expect(patched.pages.pages.map((page) => page.tasks.map(({ title }) => title))).toEqual([['b'], ['c', 'd']])
  expect(patched.pages.pages[1]).toBe(second)
  expect(patched.entering).toEqual([late.id])
  const inserted = insertTask(patched.pages, late)
  expect(inserted.pages.at(-1)?.tasks.map(({ title }) => title)).toEqual(['c', 'd', 'e'])
  expect(patchPages(inserted, events.slice(0, 0), {}).pages).toBe(inserted)
  for (const { id, leaseToken } of tasks) await agent.tasks.release({ taskId: id, leaseToken })
})

test('the new and the older pages of a read get the events since its start', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  for (const title of ['a', 'b', 'c', 'd']) await client.tasks.create({ type: 'code', title })
  const first = await client.tasks.list({ status: 'pending', limit: 2 })
  const second = await client.tasks.list({ status: 'pending', limit: 1, cursor: first.nextCursor ?? '' })
  const position = (await allEvents(client)).length
  const merged: TaskPages = {
    pages: [first, { ...second, readSince: position }],
    pageParams: [undefined, first.nextCursor ?? ''],
  }
  expect(readSinceOf(merged)).toBe(position)
  for (const { id } of [...first.tasks, ...second.tasks]) await client.tasks.cancel({ taskId: id })
  const { pages } = patchPages(merged, (await allEvents(client)).slice(position), { status: 'pending' })
  expect(pages.pages.map(({ tasks }) => tasks.length)).toEqual([0, 0])
  expect(readSinceOf(pages)).toBeUndefined()
  expect(hasGap(merged, pages)).toBe(true)
  expect(hasGap(pages, pages)).toBe(false)
})

test('a listed task leaves the list of an epic after a read of it in another epic', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  const moved = await client.tasks.create({ type: 'code', epic: 'first' })
  const kept = await client.tasks.create({ type: 'code', epic: 'first' })
  const pages: TaskPages = { pages: [await client.tasks.list({ epic: 'first' })], pageParams: [undefined] }
  const placed = placeTask(pages, { ...moved, epic: 'second' }, { epic: 'first' })
  expect(placed.pages[0]?.tasks.map(({ id }) => id)).toEqual([kept.id])
})

test('a claim enters the tasks of its agent into the list', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  const agent = await server.agent('worker')
  const other = await server.agent('other')
  for (const title of ['a', 'b']) await client.tasks.create({ type: 'code', title })
  const position = (await allEvents(client)).length
  const { tasks } = await agent.tasks.claim({})
  await other.tasks.claim({})
  const empty: TaskPages = { pages: [{ tasks: [], nextCursor: null }], pageParams: [undefined] }
  const events = (await allEvents(client)).slice(position)
  const patched = patchPages(empty, events, { claimedBy: tasks[0]?.claimedBy ?? '' })
  expect(patched.entering).toEqual(tasks.map(({ id }) => id))
})

test('a listed task is read again after an update, and the read takes its place', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  const { id: taskId } = await client.tasks.create({ type: 'code' })
  await client.tasks.create({ type: 'code' })
  const pages: TaskPages = { pages: [await client.tasks.list({})], pageParams: [undefined] }
  const position = (await allEvents(client)).length
  await client.tasks.update({ taskId, expectedRevision: 1, priority: 'critical' })
  const { pages: patched, entering } = patchPages(pages, (await allEvents(client)).slice(position), {})
  expect(entering).toEqual([taskId])
  const read = insertTask(patched, await client.tasks.get({ taskId }))
  expect(read.pages[0]?.tasks.map(({ priority }) => priority)).toEqual(['critical', 'normal'])
})

test('the running tasks of the fleet follow from the events as from a read', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  const agent = await server.agent('worker')
  for (const title of ['a', 'b', 'c']) await client.tasks.create({ type: 'code', title })
  const before = await loadRunning(client)
  const events = await allEvents(client)
  const { tasks } = await agent.tasks.claim({ limit: 3 })
  const [done, , ...rest] = tasks
  if (done) await agent.tasks.complete({ taskId: done.id, leaseToken: done.leaseToken })
  for (const { id, leaseToken } of rest) await agent.tasks.progress({ taskId: id, leaseToken, percent: 10 })
  const titles = new Map(tasks.map(({ id, title }) => [id, title ?? '']))
  const patched = patchRunning(before, (await allEvents(client)).slice(events.length), titles)
  const read = await loadRunning(client)
  const known = [...patched.values()].map(({ progressAt: _, ...task }) => task)
  expect(known).toEqual([...read.values()].map(({ progressAt: _, ...task }) => task))
})
