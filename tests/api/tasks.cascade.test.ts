import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const fails = { type: 'code', onDependencyFailure: 'fail' } as const

/**
 * Creates a root, a task that depends on it, and a task that depends on that task; both fail with
 * what they depend on. A third one waits for the first of them, and a fourth would fail with the
 * third.
 */
async function given(root: Partial<Parameters<Client['tasks']['create']>[0]> = {}) {
  const server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const first = await lead.tasks.create({ type: 'root', ...root })
  const one = await lead.tasks.create({ ...fails, dependsOn: [first.id] })
  const two = await lead.tasks.create({ ...fails, dependsOn: [one.id], epic: 'e' })
  const waits = await lead.tasks.create({ type: 'code', dependsOn: [one.id] })
  await lead.tasks.create({ ...fails, dependsOn: [waits.id] })
  const statuses = async () => (await lead.tasks.list({})).tasks.map(({ status }) => status)
  const ids = { root: first.id, one: one.id, two: two.id }
  return { server, lead, worker, ids, statuses, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

type Given = Awaited<ReturnType<typeof given>>

const ways: readonly [string, Parameters<typeof given>[0], (of: Given) => Promise<unknown>, 'failed' | 'cancelled'][] =
  [
    [
      'fails for good',
      {},
      async ({ worker }) => worker.tasks.fail({ ...leaseOf(await claimOne(worker)), error: 'never', retryable: false }),
      'failed',
    ],
    [
      'lets its last lease run out',
      { maxAttempts: 1 },
      async ({ server, worker }) => {
        await claimOne(worker, { leaseMs: 5_000 })
        await server.advance(5_000)
      },
      'failed',
    ],
    ['is claimed by nobody in time', { scheduleToStartMs: 5_000 }, ({ server }) => server.advance(5_000), 'failed'],
    [
      'takes too long in its last attempt',
      { maxAttempts: 1, startToCloseMs: 5_000 },
      async ({ server, worker }) => {
        await claimOne(worker)
        await server.advance(5_000)
      },
      'failed',
    ],
    [
      'gets no answer',
      {},
      async ({ server, worker }) => {
        await worker.tasks.requestInput({ ...leaseOf(await claimOne(worker)), question: '?', deadlineMs: 5_000 })
        await server.advance(5_000)
      },
      'failed',
    ],
    ['is cancelled', {}, ({ lead, ids }) => lead.tasks.cancel({ taskId: ids.root }), 'cancelled'],
    [
      'is cancelled among many',
      { epic: 'root' },
      ({ lead }) => lead.tasks.cancelMany({ filter: { epic: 'root' } }),
      'cancelled',
    ],
  ]

test.each(ways)(
  'when a task %s, its dependents that must not wait fail too, level by level',
  async (_, root, end, status) => {
    await using of = await given(root)
    const { lead, ids, statuses } = of
    await end(of)
    expect(await statuses()).toEqual([status, 'failed', 'failed', 'blocked', 'blocked'])
    const { events } = await lead.events.list({ types: ['task.failed'] })
    const cascaded = events.filter(({ subject }) => subject !== ids.root)
    const because = status === 'failed' ? `dependency ${ids.root} failed` : `dependency ${ids.root} was cancelled`
    expect(cascaded.map(({ subject, data }) => ({ subject, data }))).toEqual([
      { subject: ids.one, data: { attempt: 0, agentId: null, failures: 0, error: because } },
      { subject: ids.two, data: { attempt: 0, agentId: null, failures: 0, error: `dependency ${ids.one} failed` } },
    ])
    expect(await lead.tasks.get({ taskId: ids.one })).toMatchObject({ error: because, timeoutAt: null })
  },
)

test('a failure with attempts left fails no other task', async () => {
  await using of = await given()
  await of.worker.tasks.fail({ ...leaseOf(await claimOne(of.worker)), error: 'again' })
  expect(await of.statuses()).toEqual(['pending', 'blocked', 'blocked', 'blocked', 'blocked'])
})

test('events of a cascade are in order of the levels, and of the creation within each', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: root } = await lead.tasks.create({ type: 'root' })
  const { id: near } = await lead.tasks.create({ ...fails, dependsOn: [root] })
  const { id: far } = await lead.tasks.create({ ...fails, dependsOn: [near] })
  const { id: farther } = await lead.tasks.create({ ...fails, dependsOn: [near] })
  const { id: nearToo } = await lead.tasks.create({ ...fails, dependsOn: [root] })
  // The row is another one than before on an engine that writes a new row for each change.
  const { revision } = await lead.tasks.get({ taskId: near })
  await lead.tasks.update({ taskId: near, expectedRevision: revision, title: 'the first, changed last' })
  await lead.tasks.cancel({ taskId: root })
  const { events } = await lead.events.list({ types: ['task.failed'] })
  expect(events.map(({ subject }) => subject)).toEqual([near, nearToo, far, farther])
})

test('tasks that are cancelled together are cancelled, and not failed by each other', async () => {
  await using of = await given()
  const { lead, ids } = of
  await lead.tasks.cancelMany({ filter: { taskIds: [ids.root, ids.one] } })
  expect(await of.statuses()).toEqual(['cancelled', 'cancelled', 'failed', 'blocked', 'blocked'])
})

test('a task that is created to fail with a failed one is failed from the start, and so are its dependents', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code' })
  await lead.tasks.cancel({ taskId: id })
  const born = await lead.tasks.create({ ...fails, dependsOn: [id], scheduleToCloseMs: 60_000 })
  const error = `dependency ${id} was cancelled`
  expect(born).toMatchObject({ status: 'failed', error, timeoutAt: null, completedAt: '2026-01-01T00:00:00.000Z' })
  const { tasks } = await lead.tasks.createMany({
    tasks: [
      { ...fails, key: 'a', dependsOn: [id] },
      { ...fails, dependsOn: ['a'] },
      { type: 'code', dependsOn: ['a'] },
    ],
  })
  const statuses = await Promise.all(tasks.map(async (task) => (await lead.tasks.get({ taskId: task.id })).status))
  expect(statuses).toEqual(['failed', 'failed', 'blocked'])
  const { events } = await lead.events.list({ types: ['task.created'], taskId: born.id })
  expect(events).toMatchObject([{ data: { status: 'failed' } }])
})

test('a blocked task that gets a failed dependency, and must fail with it, fails', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const [gone, open] = [await lead.tasks.create({ type: 'code' }), await lead.tasks.create({ type: 'code' })]
  const { id: taskId } = await lead.tasks.create({ ...fails, dependsOn: [open.id] })
  const { id: after } = await lead.tasks.create({ ...fails, dependsOn: [taskId] })
  await lead.tasks.cancel({ taskId: gone.id })
  await lead.tasks.update({ taskId, expectedRevision: 1, dependsOn: [open.id, gone.id] })
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'failed', revision: 3 })
  expect((await lead.tasks.get({ taskId: after })).status).toBe('failed')
})

test('after an adopted result the tasks that failed with the task can be retried', async () => {
  await using of = await given({ maxAttempts: 1 })
  const { server, lead, worker, ids } = of
  const lease = leaseOf(await claimOne(worker, { leaseMs: 5_000 }))
  await server.advance(5_000)
  await worker.tasks.complete({ ...lease, result: 1 }).catch(() => undefined)
  expect(await lead.tasks.adopt({ taskId: ids.root, attempt: 1 })).toMatchObject({ status: 'completed' })
  expect(await lead.tasks.retry({ taskId: ids.one })).toMatchObject({ status: 'pending' })
  expect((await claimOne(worker)).id).toBe(ids.one)
})

test('a change that makes a task depend on a failed one returns the new status of the task', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const lost = await lead.tasks.create({ type: 'code' })
  const task = await lead.tasks.create(fails)
  await lead.tasks.cancel({ taskId: lost.id })
  const change = { taskId: task.id, expectedRevision: task.revision, dependsOn: [lost.id] }
  const moved = await lead.tasks.update(change)
  expect(moved.status).toBe('failed')
  expect(await lead.tasks.get({ taskId: task.id })).toMatchObject({ status: 'failed', revision: moved.revision })
})
