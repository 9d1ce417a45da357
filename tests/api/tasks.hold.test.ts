import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

test('a held task is not claimed until it is unheld, and explain tells the reason', async () => {
  await using server = await TestServer.start()
  const [developer, worker] = [server.connect(), await server.agent('worker')]
  const lead = await server.agent('lead', { type: 'tech-lead' })
  const { id: taskId } = await developer.tasks.create({ type: 'code' })
  expect(await lead.tasks.hold({ taskId, reason: 'the design is open' })).toMatchObject({ status: 'pending' })
  expect((await worker.tasks.claim()).tasks).toEqual([])
  const { hold, status } = await developer.tasks.get({ taskId })
  expect({ hold, status }).toMatchObject({ hold: { reason: 'the design is open', by: lead.id }, status: 'pending' })
  const { claimable, reasons } = await developer.tasks.explain({ taskId })
  expect(claimable).toBe(false)
  expect(reasons).toEqual([
    {
      predicate: 'hold',
      message: `lead holds it back since ${hold?.at}, until tasks.unhold: the design is open`,
    },
  ])
  await lead.tasks.unhold({ taskId })
  expect((await claimOne(worker)).hold).toBeNull()
  const { events } = await lead.events.list({ types: ['task.held', 'task.unheld'] })
  expect(events).toMatchObject([
    { type: 'task.held', subject: taskId, actor: lead.id, data: { reason: 'the design is open' } },
    { type: 'task.unheld', subject: taskId, actor: lead.id },
  ])
})

test('unhold wakes a waiting claim', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code', hold: 'not yet' })
  const claim = worker.tasks.claim({ waitMs: 30_000 })
  await lead.tasks.unhold({ taskId })
  expect((await claim).tasks.map(({ id }) => id)).toEqual([taskId])
})

test('a blocked task stays held when its last dependency is completed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: first } = await lead.tasks.create({ type: 'code' })
  const { id: taskId } = await lead.tasks.create({ type: 'code', dependsOn: [first] })
  expect(await lead.tasks.hold({ taskId, reason: 'wait' })).toMatchObject({ status: 'blocked' })
  await worker.tasks.complete(leaseOf(await claimOne(worker)))
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'pending', hold: { reason: 'wait' } })
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await lead.tasks.unhold({ taskId })
  expect((await claimOne(worker)).id).toBe(taskId)
})

test('a hold outlives the notBefore of its task', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const notBefore = '2026-01-01T00:00:05.000Z'
  const { id: taskId } = await lead.tasks.create({ type: 'code', notBefore, hold: 'wait' })
  await server.advance(6_000)
  expect((await worker.tasks.claim()).tasks).toEqual([])
  await lead.tasks.unhold({ taskId })
  expect((await claimOne(worker)).id).toBe(taskId)
})

test('scheduleToStartMs does not run while a task is held, scheduleToCloseMs does', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: start } = await lead.tasks.create({ type: 'code', hold: 'wait', scheduleToStartMs: 5_000 })
  const { id: close } = await lead.tasks.create({ type: 'code', hold: 'wait', scheduleToCloseMs: 5_000 })
  await server.advance(6_000)
  expect(await lead.tasks.get({ taskId: start })).toMatchObject({ status: 'pending', timeoutAt: null })
  expect(await lead.tasks.get({ taskId: close })).toMatchObject({ status: 'failed', hold: null })
  await lead.tasks.unhold({ taskId: start })
  await server.advance(5_000)
  expect((await lead.tasks.get({ taskId: start })).status).toBe('failed')
})

test('a task under lease and an ended task cannot be held, and a task without a hold not unheld', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  expect(await refusal(lead.tasks.unhold({ taskId }))).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
  const lease = leaseOf(await claimOne(worker))
  expect(await refusal(lead.tasks.hold({ taskId, reason: 'late' }))).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
  await worker.tasks.complete(lease)
  expect(await refusal(lead.tasks.hold({ taskId, reason: 'late' }))).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
  expect(await refusal(worker.tasks.hold({ taskId, reason: 'mine' }))).toMatchObject({ code: 'FORBIDDEN' })
})

test('acceptance criteria, design and notes reach the worker with the claim, and can be changed', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const brief = { acceptanceCriteria: 'redirects to /', design: 'a session cookie', notes: 'see p-0' }
  const created = await lead.tasks.create({ type: 'code', ...brief })
  expect(created).toMatchObject({ ...brief, metadata: {} })
  const changed = { acceptanceCriteria: 'redirects to /home', notes: null }
  await lead.tasks.update({ taskId: created.id, expectedRevision: 1, ...changed })
  expect(await claimOne(worker)).toMatchObject({ ...brief, ...changed })
})
