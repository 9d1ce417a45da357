import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

type Filter = Parameters<ReturnType<TestServer['connect']>['tasks']['cancelMany']>[0]['filter']

/** Creates six tasks that differ in everything a filter can name; the third has ended. */
async function given() {
  const server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: parentId } = await lead.tasks.create({ type: 'story', assignedTo: 'worker' })
  const { tasks } = await lead.tasks.createMany({
    tasks: [
      { type: 'code', epic: 'e' },
      { type: 'code', epic: 'e', story: 's' },
      { type: 'test', epic: 'e' },
      { type: 'test', story: 's' },
      { type: 'code', parentId },
    ],
  })
  const ids = [parentId, ...tasks.map(({ id }) => id)]
  await lead.tasks.cancel({ taskId: ids[3] ?? '' })
  const numbers = (found: readonly string[]) => found.map((id) => ids.indexOf(id))
  return { server, lead, worker, ids, numbers, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test.each<[string, (of: { ids: string[]; agentId: string }) => Filter, number[]]>([
  ['an epic', () => ({ epic: 'e' }), [1, 2]],
  ['a story', () => ({ story: 's' }), [2, 4]],
  ['a type', () => ({ type: 'code' }), [1, 2, 5]],
  ['a type in an epic', () => ({ type: 'test', epic: 'e' }), []],
  ['a parent', ({ ids }) => ({ parentId: ids[0] ?? '' }), [5]],
  ['an assignee', ({ agentId }) => ({ assignedTo: agentId }), [0]],
  ['a status', () => ({ status: 'pending' as const }), [1, 2, 4, 5]],
  ['a final status', () => ({ status: 'cancelled' as const }), []],
  ['ids', ({ ids }) => ({ taskIds: [ids[5] ?? '', ids[3] ?? '', ids[0] ?? ''] }), [0, 5]],
  ['ids in an epic', ({ ids }) => ({ taskIds: ids, epic: 'e' }), [1, 2]],
])('cancels the tasks that %s selects and that have not ended', async (_, filter, expected) => {
  await using of = await given()
  const { lead, ids, numbers } = of
  const { taskIds, more } = await lead.tasks.cancelMany({ filter: filter({ ids, agentId: of.worker.id }), reason: 'r' })
  expect({ found: numbers(taskIds).toSorted(), more }).toEqual({ found: expected, more: false })
  const cancelled = await lead.tasks.list({ status: 'cancelled' })
  expect(numbers(cancelled.tasks.map(({ id }) => id))).toEqual([...expected, 3].toSorted())
  for (const taskId of taskIds) expect((await lead.tasks.get({ taskId })).error).toBe('r')
})

test('holders are notified, and their results do not count', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code', epic: 'e' })
  const lease = leaseOf(await claimOne(worker))
  await lead.tasks.cancelMany({ filter: { epic: 'e' } })
  expect((await worker.agents.heartbeat({ leases: [lease] })).lost).toEqual([{ taskId, reason: 'cancelled' }])
  expect(await refusal(worker.tasks.complete(lease))).toMatchObject({ code: 'STALE_LEASE' })
})

test('cancelling takes a limited number at a time, in every status, until no task is left', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const tasks = Array.from({ length: 5 }, (_, index) => ({ type: 'code', key: `k${index}`, dependsOn: [] as string[] }))
  await lead.tasks.createMany({ tasks: [...tasks, { type: 'code', key: 'last', dependsOn: ['k0'] }] })
  await claimOne(worker)
  const sizes: number[] = []
  for (let more = true; more; ) {
    const page = await lead.tasks.cancelMany({ filter: { type: 'code' }, limit: 4 })
    sizes.push(page.taskIds.length)
    more = page.more
  }
  expect(sizes).toEqual([4, 2])
})

test('tasks.cancelMany needs a filter and a tech lead', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  expect(await refusal(lead.tasks.cancelMany({ filter: {} }))).toMatchObject({ code: 'INVALID_INPUT' })
  const tooMany = lead.tasks.cancelMany({ filter: { epic: 'e' }, limit: 501 })
  expect(await refusal(tooMany)).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(worker.tasks.cancelMany({ filter: { epic: 'e' } }))).toMatchObject({ code: 'FORBIDDEN' })
})

test('the tasks of another project are not found', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const lead = server.connect()
  await lead.projects.create({ name: 'other' })
  const { id: taskId } = await lead.tasks.create({ type: 'code', epic: 'e' })
  const stranger = server.connect({ project: 'other' })
  for (const filter of [{ epic: 'e' }, { taskIds: [taskId] }, { type: 'code' }]) {
    expect(await stranger.tasks.cancelMany({ filter })).toEqual({ taskIds: [], more: false })
  }
  expect((await lead.tasks.get({ taskId })).status).toBe('pending')
})

test('tasks that are cancelled by ids are cancelled in the order of creation', async () => {
  await using of = await given()
  const { lead, ids, numbers } = of
  await lead.tasks.update({ taskId: ids[0] ?? '', expectedRevision: 2, title: 'changed' })
  const filter = { taskIds: ids.toReversed() }
  const { taskIds, more } = await lead.tasks.cancelMany({ filter, limit: 2 })
  expect([numbers(taskIds), more]).toEqual([[0, 1], true])
  expect(numbers((await lead.tasks.cancelMany({ filter })).taskIds)).toEqual([2, 4, 5])
})
