import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, rows } from './given.ts'

test('keys name tasks of the call before they have ids', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { tasks } = await lead.tasks.createMany({
    tasks: [
      { type: 'code', key: 'b', dependsOn: ['a'] },
      { type: 'code', key: 'a' },
      { type: 'code', parentId: 'a' },
    ],
  })
  const [b, a, child] = tasks
  expect(tasks.map(({ key }) => key)).toEqual(['b', 'a', null])
  expect(await lead.tasks.get({ taskId: b?.id ?? '' })).toMatchObject({ status: 'blocked', dependsOn: [a?.id] })
  expect(await lead.tasks.get({ taskId: child?.id ?? '' })).toMatchObject({ status: 'pending', parentId: a?.id })
})

test('a parent may depend on its own children', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { tasks } = await lead.tasks.createMany({
    tasks: [
      { type: 'epic', key: 'parent', dependsOn: ['child'] },
      { type: 'code', key: 'child', parentId: 'parent' },
    ],
  })
  const child = await claimOne(worker)
  expect(child.id).toBe(tasks[1]?.id)
  await worker.tasks.complete({ taskId: child.id, leaseToken: child.leaseToken })
  expect((await claimOne(worker)).id).toBe(tasks[0]?.id)
})

test('a call may depend on existing tasks', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const old = await lead.tasks.create({ type: 'code' })
  const { tasks } = await lead.tasks.createMany({ tasks: [{ type: 'code', dependsOn: [old.id], parentId: old.id }] })
  const made = await lead.tasks.get({ taskId: tasks[0]?.id ?? '' })
  expect(made).toMatchObject({ status: 'blocked', dependsOn: [old.id], parentId: old.id })
})

test('tasks in a cycle are DEPENDENCY_CYCLE with the cycle, and none is created', async () => {
  await using server = await TestServer.start()
  const tasks = [
    { type: 'code' },
    { type: 'code', key: 'a', dependsOn: ['b'] },
    { type: 'code', key: 'b', dependsOn: ['c'] },
    { type: 'code', key: 'c', dependsOn: ['a'] },
  ]
  const refused = await refusal(server.connect().tasks.createMany({ tasks }))
  expect(refused).toMatchObject({ code: 'DEPENDENCY_CYCLE', details: { cycle: ['a', 'b', 'c', 'a'] } })
  expect(rows(server, 'SELECT id FROM tasks')).toEqual([])
})

test('a task that depends on itself is DEPENDENCY_CYCLE', async () => {
  await using server = await TestServer.start()
  const call = server.connect().tasks.createMany({ tasks: [{ type: 'code', key: 'a', dependsOn: ['a'] }] })
  expect(await refusal(call)).toMatchObject({ code: 'DEPENDENCY_CYCLE', applied: 'no' })
})

test.each([
  ['no task', []],
  ['more than 200 tasks', Array.from({ length: 201 }, () => ({ type: 'code' }))],
  [
    'one key twice',
    [
      { type: 'code', key: 'a' },
      { type: 'code', key: 'a' },
    ],
  ],
  ['an unknown dependency', [{ type: 'code' }, { type: 'code', dependsOn: ['nowhere'] }]],
  ['an unknown parent', [{ type: 'code' }, { type: 'code', parentId: 'nowhere' }]],
  [
    'parents in a cycle',
    [
      { type: 'code', key: 'a', parentId: 'b' },
      { type: 'code', key: 'b', parentId: 'a' },
    ],
  ],
  ['a task that is its own parent', [{ type: 'code', key: 'a', parentId: 'a' }]],
])('%s is INVALID_INPUT and creates nothing', async (_, tasks) => {
  await using server = await TestServer.start()
  const refused = await refusal(server.connect().tasks.createMany({ tasks }))
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', applied: 'no' })
  expect(rows(server, 'SELECT id FROM tasks')).toEqual([])
  expect(rows(server, 'SELECT seq FROM event_log')).toEqual([])
})

test('200 tasks are created at once and claimed in their order', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const titles = Array.from({ length: 200 }, (_, index) => `t${index}`)
  await lead.tasks.createMany({ tasks: titles.map((title) => ({ type: 'code', title })) })
  const { tasks } = await worker.tasks.claim({ limit: 32 })
  expect(tasks.map(({ title }) => title)).toEqual(titles.slice(0, 32))
})

test('the same key returns the same tasks, and another body is refused', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const first = await lead.tasks.createMany({ tasks: [{ type: 'code' }], idempotencyKey: 'k' })
  expect(await lead.tasks.createMany({ tasks: [{ type: 'code' }], idempotencyKey: 'k' })).toEqual(first)
  const other = lead.tasks.createMany({ tasks: [{ type: 'test' }], idempotencyKey: 'k' })
  expect(await refusal(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('a developer creates several tasks only if each is under a task that it holds', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id } = await lead.tasks.create({ type: 'code' })
  await claimOne(worker)
  const under = { type: 'part', parentId: id }
  const { tasks } = await worker.tasks.createMany({
    tasks: [
      { ...under, key: 'a' },
      { type: 'part', parentId: 'a' },
    ],
  })
  expect(tasks).toHaveLength(2)
  const mixed = worker.tasks.createMany({ tasks: [under, { type: 'part' }] })
  expect(await refusal(mixed)).toMatchObject({ code: 'FORBIDDEN' })
})

test('an observer creates nothing', async () => {
  await using server = await TestServer.start()
  const observer = await server.agent('watcher', { role: 'observer' })
  expect(await refusal(observer.tasks.createMany({ tasks: [{ type: 'code' }] }))).toMatchObject({ code: 'FORBIDDEN' })
})
