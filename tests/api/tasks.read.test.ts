import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const nobody = '01900000-0000-7000-8000-000000000000'

test('a task is found by its id and by its external id', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'p' })
  await lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'bd-1' }] })
  await lead.plans.commit({ planId })
  const task = await lead.tasks.get({ taskId: 'bd-1' })
  expect(task.externalId).toBe('bd-1')
  expect(await lead.tasks.get({ taskId: task.id })).toEqual(task)
})

test('an unknown task is NOT_FOUND', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  expect(await refusal(lead.tasks.get({ taskId: nobody }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(lead.tasks.tree({ taskId: nobody }))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refusal(lead.tasks.get({ taskId: '' }))).toMatchObject({ code: 'INVALID_INPUT' })
})

test('a list returns every task once, page by page, in order of creation', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const types = Array.from({ length: 25 }, (_, index) => `t${index}`)
  await lead.tasks.createMany({ tasks: types.map((type) => ({ type })) })
  const seen: string[] = []
  let cursor: string | null | undefined
  let pages = 0
  do {
    const page = await lead.tasks.list(cursor ? { limit: 10, cursor } : { limit: 10 })
    seen.push(...page.tasks.map(({ type }) => type))
    cursor = page.nextCursor
    pages += 1
  } while (cursor !== null)
  expect(seen).toEqual(types)
  expect(pages).toBe(3)
})

test('a page at the end of the list has no next cursor', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: [{ type: 'a' }, { type: 'b' }] })
  expect(await lead.tasks.list({ limit: 2 })).toMatchObject({ tasks: [{ type: 'a' }, { type: 'b' }], nextCursor: null })
})

test('filters can be combined', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const parent = await lead.tasks.create({ type: 'code', epic: 'login', priority: 'high' })
  await lead.tasks.create({ type: 'code', epic: 'login', parentId: parent.id })
  await lead.tasks.create({ type: 'test', epic: 'login', parentId: parent.id })
  await lead.tasks.create({ type: 'test' })
  await claimOne(worker)
  const count = async (filter: Parameters<typeof lead.tasks.list>[0]) => (await lead.tasks.list(filter)).tasks.length
  expect(await count({ epic: 'login' })).toBe(3)
  expect(await count({ type: 'test' })).toBe(2)
  expect(await count({ type: 'test', epic: 'login' })).toBe(1)
  expect(await count({ parentId: parent.id })).toBe(2)
  expect(await count({ status: 'pending' })).toBe(2)
  expect(await count({ claimedBy: worker.id })).toBe(1)
  expect(await count({ epic: 'nothing' })).toBe(0)
})

test('in-progress and in_progress are the same filter', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  await lead.tasks.create({ type: 'code' })
  const held = await claimOne(worker)
  const list = await lead.tasks.list({ status: 'in-progress' })
  expect(list.tasks).toMatchObject([{ id: held.id, status: 'in_progress' }])
  expect(await lead.tasks.list({ status: 'in_progress' })).toEqual(list)
})

test('a completed task is in the list of its last holder', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect((await lead.tasks.list({ claimedBy: worker.id })).tasks).toMatchObject([{ id, status: 'completed' }])
})

test.each([{ cursor: 'nonsense' }, { cursor: '-1' }, { limit: 0 }, { limit: 501 }])(
  'a list with %j is INVALID_INPUT',
  async (input) => {
    await using server = await TestServer.start()
    expect(await refusal(server.connect().tasks.list(input))).toMatchObject({ code: 'INVALID_INPUT' })
  },
)

test('a tree has the root first and then level by level', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { tasks } = await lead.tasks.createMany({
    tasks: [
      { type: 'root', key: 'root' },
      { type: 'a', key: 'a', parentId: 'root', priority: 'high', title: 'A' },
      { type: 'aa', key: 'aa', parentId: 'a' },
      { type: 'b', key: 'b', parentId: 'root' },
      { type: 'aaa', key: 'aaa', parentId: 'aa' },
    ],
  })
  const taskId = tasks[0]?.id ?? ''
  const { nodes, truncated } = await lead.tasks.tree({ taskId })
  expect(nodes.map(({ type, depth }) => [type, depth])).toEqual([
    ['root', 0],
    ['a', 1],
    ['b', 1],
    ['aa', 2],
    ['aaa', 3],
  ])
  expect(nodes[1]).toMatchObject({ parentId: taskId, priority: 'high', title: 'A', status: 'blocked' })
  expect(truncated).toBe(false)
  const shallow = await lead.tasks.tree({ taskId, depth: 1 })
  expect(shallow.nodes.map(({ type }) => type)).toEqual(['root', 'a', 'b'])
})

test('a tree of more than 1 000 tasks reports that it is cut', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'root' })
  for (let round = 0; round < 5; round += 1) {
    const children = Array.from({ length: round < 4 ? 200 : 199 }, () => ({ type: 'part', parentId: id }))
    await lead.tasks.createMany({ tasks: children })
  }
  expect(await lead.tasks.tree({ taskId: id })).toMatchObject({ truncated: false, nodes: { length: 1_000 } })
  await lead.tasks.create({ type: 'part', parentId: id })
  expect(await lead.tasks.tree({ taskId: id })).toMatchObject({ truncated: true, nodes: { length: 1_000 } })
})

test('a tree has the dependencies of its tasks if the call asks for them', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: outside } = await lead.tasks.create({ type: 'code' })
  const { tasks } = await lead.tasks.createMany({
    tasks: [
      { type: 'root', key: 'root' },
      { type: 'a', key: 'a', parentId: 'root', dependsOn: [outside] },
      { type: 'b', key: 'b', parentId: 'root', waitsFor: [{ taskId: 'a', kind: 'failure' }] },
    ],
  })
  const [root = '', a = '', b = ''] = tasks.map(({ id }) => id)
  expect(await lead.tasks.tree({ taskId: root })).not.toHaveProperty('dependencies')
  const tree = () => lead.tasks.tree({ taskId: root, dependencies: true })
  const failure = { taskId: b, dependsOnId: a, kind: 'failure', open: true }
  expect((await tree()).dependencies).toEqual([
    { taskId: a, dependsOnId: outside, kind: 'blocks', open: true },
    failure,
  ])
  const ada = await server.agent('ada')
  const [task] = (await ada.tasks.claim({})).tasks
  await ada.tasks.complete({ taskId: outside, leaseToken: task?.leaseToken ?? '' })
  expect((await tree()).dependencies).toEqual([
    { taskId: a, dependsOnId: outside, kind: 'blocks', open: false },
    failure,
  ])
})

test('an observer reads tasks', async () => {
  await using server = await TestServer.start()
  const { id } = await server.connect().tasks.create({ type: 'code' })
  const observer = await server.agent('watcher', { role: 'observer' })
  expect((await observer.tasks.get({ taskId: id })).id).toBe(id)
  expect((await observer.tasks.list({})).tasks).toHaveLength(1)
  expect((await observer.tasks.tree({ taskId: id })).nodes).toHaveLength(1)
})

test('a page of large tasks ends at a mebibyte of their text, and the next one continues', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const description = 'x'.repeat(60_000)
  for (let index = 0; index < 20; index += 1) await lead.tasks.create({ type: 'code', description })
  const first = await lead.tasks.list()
  expect(first.tasks.length).toBe(17)
  const rest = await lead.tasks.list({ cursor: first.nextCursor ?? '' })
  expect(rest.tasks.length).toBe(3)
  expect(rest.nextCursor).toBeNull()
})

test('two tasks that plans have made parents of each other are in the tree once each', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const commit = async (rows: { externalId: string; type: string; parentId?: string }[]) => {
    const { planId } = await lead.plans.begin({ name: 'circle' })
    await lead.plans.add({ planId, tasks: rows })
    await lead.plans.commit({ planId })
  }
  await commit([{ externalId: 'a', type: 'epic' }])
  await commit([{ externalId: 'b', type: 'epic', parentId: 'a' }])
  await commit([{ externalId: 'a', type: 'epic', parentId: 'b' }])
  const { nodes } = await lead.tasks.tree({ taskId: 'a', depth: 10 })
  expect(nodes).toHaveLength(2)
})
