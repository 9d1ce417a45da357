import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, rows } from './given.ts'

const named = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ name: `n${from + index}`, uri: `file:${from + index}` }))

test('progress and complete store artifacts, and one with the same name replaces the earlier one', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  const diff = { name: 'diff', uri: 'file:a', sha256: 'a'.repeat(64), bytes: 7, mediaType: 'text/x-diff' }
  await worker.tasks.progress({ ...lease, percent: 10, artifacts: [diff, { name: 'log', uri: 'file:log' }] })
  expect(await lead.tasks.get({ taskId })).toMatchObject({
    progress: { percent: 10 },
    artifacts: [diff, { name: 'log', uri: 'file:log' }],
  })
  await worker.tasks.complete({ ...lease, artifacts: [{ name: 'diff', uri: 'file:b' }] })
  expect((await lead.tasks.get({ taskId })).artifacts).toEqual([
    { name: 'diff', uri: 'file:b' },
    { name: 'log', uri: 'file:log' },
  ])
  expect(rows(server, 'select artifacts from tasks')).toEqual([{ artifacts: 2 }])
})

test('a task keeps 256 artifacts, and a call with more changes nothing', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  for (const from of [0, 64, 128, 192]) await worker.tasks.progress({ ...lease, artifacts: named(from, from + 64) })
  const before = await lead.tasks.get({ taskId })
  expect(before.artifacts).toHaveLength(256)
  const one = named(256, 257)
  expect(await refusal(worker.tasks.complete({ ...lease, artifacts: one }))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(worker.tasks.progress({ ...lease, artifacts: one }))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await lead.tasks.get({ taskId })).toEqual(before)
  expect(await worker.tasks.complete({ ...lease, artifacts: named(0, 64) })).toMatchObject({ status: 'completed' })
})

test('a stale lease stores no artifact', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.release(lease)
  await refusal(worker.tasks.complete({ ...lease, artifacts: named(0, 1) }))
  await refusal(worker.tasks.progress({ ...lease, artifacts: named(0, 1) }))
  expect((await lead.tasks.get({ taskId })).artifacts).toEqual([])
})
