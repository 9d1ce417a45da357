import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'

test('a created task is claimed and completed once', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const worker = await server.agent('worker')
  const created = await lead.tasks.create({ type: 'code', title: 'first' })
  const { tasks } = await worker.tasks.claim({})
  expect(tasks).toHaveLength(1)
  const [task] = tasks
  expect(task?.id).toBe(created.id)
  const done = await worker.tasks.complete({
    taskId: created.id,
    leaseToken: task?.leaseToken ?? '',
    result: { lines: 3 },
  })
  expect(done.status).toBe('completed')
  const stored = await lead.tasks.get({ taskId: created.id })
  expect(stored).toMatchObject({ status: 'completed', result: { lines: 3 }, attempt: 1, failures: 0 })
})

test('an expired lease is claimable by another agent, and the first holder is refused', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const [first, second] = [await server.agent('first'), await server.agent('second')]
  const { id } = await lead.tasks.create({ type: 'code' })
  const {
    tasks: [held],
  } = await first.tasks.claim({ leaseMs: 5_000 })
  await server.advance(5_001)
  const {
    tasks: [taken],
  } = await second.tasks.claim({})
  expect(taken).toMatchObject({ id, attempt: 2, failures: 1 })
  const refused = await refusal(first.tasks.complete({ taskId: id, leaseToken: held?.leaseToken ?? '' }))
  expect(refused.code).toBe('STALE_LEASE')
  expect(refused.applied).toBe('no')
})

test('a task whose last lease expired names its last holder and no lease', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code', maxAttempts: 1 })
  await worker.tasks.claim({ leaseMs: 5_000 })
  expect(await lead.tasks.get({ taskId })).toMatchObject({ leaseExpiresAt: '2026-01-01T00:00:05.000Z' })
  await server.advance(5_001)
  const task = await lead.tasks.get({ taskId })
  expect(task).toMatchObject({ status: 'failed', claimedBy: worker.id, leaseExpiresAt: null })
})
