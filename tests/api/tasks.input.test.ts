import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const question = 'tabs or spaces?'

test('a question ends the lease without a failure, and the next claim returns the answer', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.progress({ ...lease, percent: 40 })
  const asked = await worker.tasks.requestInput({ ...lease, question, options: ['tabs', 'spaces'], details: { at: 3 } })
  expect(asked).toMatchObject({ taskId, status: 'input_required' })
  const at = '2026-01-01T00:00:00.000Z'
  expect(await lead.tasks.get({ taskId })).toMatchObject({
    status: 'input_required',
    claimedBy: null,
    leaseExpiresAt: null,
    timeoutAt: null,
    inputRequest: { question, options: ['tabs', 'spaces'], by: worker.id, at, deadlineAt: null },
  })
  expect((await worker.tasks.claim()).tasks).toEqual([])
  expect(await refusal(worker.tasks.release(lease))).toMatchObject({ code: 'STALE_LEASE' })
  const waiting = claimOne(worker, { waitMs: 20_000 })
  await worker.agents.heartbeat({})
  expect(await lead.tasks.provideInput({ taskId, answer: { use: 'tabs' } })).toMatchObject({ status: 'pending' })
  expect(await waiting).toMatchObject({
    attempt: 2,
    failures: 0,
    inputRequest: null,
    input: { question, answer: { use: 'tabs' }, by: null, at },
    progress: { details: { at: 3 } },
  })
  const { events } = await lead.events.list({ types: ['task.input_requested', 'task.input_provided'] })
  expect(events.map(({ type, data }) => ({ type, data }))).toEqual([
    { type: 'task.input_requested', data: { attempt: 1, agentId: worker.id, question, deadlineAt: null } },
    { type: 'task.input_provided', data: { attempt: 1, default: false, status: 'pending' } },
  ])
})

test('the progress of the attempt stays if the question has no details', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.progress({ ...lease, percent: 40 })
  await worker.tasks.requestInput({ ...lease, question })
  expect((await lead.tasks.get({ taskId })).progress).toEqual({ percent: 40 })
})

test.each([{ use: 'tabs' }, 'text', 0, false, null])(
  'the default answer %j is taken at the deadline',
  async (answer) => {
    await using server = await TestServer.start()
    const [lead, worker] = [server.connect(), await server.agent('worker')]
    const { id: taskId } = await lead.tasks.create({ type: 'code' })
    const lease = leaseOf(await claimOne(worker))
    await worker.tasks.requestInput({ ...lease, question, deadlineMs: 60_000, defaultAnswer: answer })
    const deadlineAt = '2026-01-01T00:01:00.000Z'
    const asked = await lead.tasks.get({ taskId })
    expect(asked).toMatchObject({ timeoutAt: deadlineAt, inputRequest: { deadlineAt } })
    expect(asked.inputRequest).not.toHaveProperty('defaultAnswer')
    await server.advance(59_000)
    expect((await lead.tasks.get({ taskId })).status).toBe('input_required')
    await server.advance(1_000)
    expect(await claimOne(worker)).toMatchObject({
      id: taskId,
      inputRequest: null,
      input: { question, answer, by: null, at: deadlineAt },
    })
    const { events } = await lead.events.list({ types: ['task.input_provided', 'task.failed', 'task.timed_out'] })
    expect(events).toMatchObject([{ type: 'task.input_provided', actor: null, data: { attempt: 1, default: true } }])
  },
)

test('a question with a deadline and no default fails the task', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  await worker.tasks.requestInput({ ...leaseOf(await claimOne(worker)), question, deadlineMs: 60_000 })
  await server.advance(60_000)
  expect(await lead.tasks.get({ taskId })).toMatchObject({
    status: 'failed',
    error: 'no answer before its deadline',
    failures: 0,
    inputRequest: null,
  })
  const { events } = await lead.events.list({ types: ['task.failed'] })
  expect(events).toMatchObject([
    { subject: taskId, data: { attempt: 1, failures: 0, error: 'no answer before its deadline' } },
  ])
})

test('a question without a deadline waits without limit, and so does its default', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  await worker.tasks.requestInput({ ...leaseOf(await claimOne(worker)), question, defaultAnswer: 1 })
  await server.advance(20 * 3_600_000)
  expect((await lead.tasks.get({ taskId })).status).toBe('input_required')
})

test('the time limit of the whole task continues during a question, and no default saves the task', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code', scheduleToCloseMs: 30_000 })
  const lease = leaseOf(await claimOne(worker))
  await worker.tasks.requestInput({ ...lease, question, deadlineMs: 60_000, defaultAnswer: 1 })
  await server.advance(30_000)
  const error = 'it was not completed within scheduleToCloseMs'
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'failed', error })
})

test('the agent that answers is named, and an answer that is repeated with its key counts once', async () => {
  await using server = await TestServer.start()
  const [worker, chief] = [await server.agent('worker'), await server.agent('chief', { role: 'tech-lead' })]
  const { id: taskId } = await chief.tasks.create({ type: 'code' })
  const asking = { ...leaseOf(await claimOne(worker)), question, idempotencyKey: 'k' }
  const asked = await worker.tasks.requestInput(asking)
  expect(await worker.tasks.requestInput(asking)).toEqual(asked)
  const answered = await chief.tasks.provideInput({ taskId, answer: null, idempotencyKey: 'k' })
  expect(await chief.tasks.provideInput({ taskId, answer: null, idempotencyKey: 'k' })).toEqual(answered)
  expect((await chief.tasks.get({ taskId })).input).toMatchObject({ answer: null, by: chief.id })
  expect(await refusal(chief.tasks.provideInput({ taskId, answer: 1 }))).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
})

test('an answer needs a tech lead and an existing task', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const lease = leaseOf(await claimOne(worker))
  expect(await refusal(worker.tasks.requestInput({ ...lease, question: '' }))).toMatchObject({ code: 'INVALID_INPUT' })
  await worker.tasks.requestInput({ ...lease, question })
  expect(await refusal(worker.tasks.provideInput({ taskId, answer: 1 }))).toMatchObject({ code: 'FORBIDDEN' })
  const nobody = '01900000-0000-7000-8000-000000000000'
  expect(await refusal(lead.tasks.provideInput({ taskId: nobody, answer: 1 }))).toMatchObject({ code: 'NOT_FOUND' })
  const absent = worker.tasks.requestInput({ ...lease, taskId: nobody, question })
  expect(await refusal(absent)).toMatchObject({ code: 'NOT_FOUND' })
})
