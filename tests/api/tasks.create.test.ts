import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, rows } from './given.ts'

const nobody = '01900000-0000-7000-8000-000000000000'

test('a created task has the defaults of the contract', async () => {
  await using server = await TestServer.start()
  const task = await server.connect().tasks.create({ type: 'code' })
  expect(task).toMatchObject({
    type: 'code',
    status: 'pending',
    priority: 'normal',
    attempt: 0,
    failures: 0,
    maxAttempts: 3,
    revision: 1,
    dependsOn: [],
    requires: [],
    assignedTo: null,
    claimedBy: null,
    createdBy: null,
    metadata: {},
    createdAt: '2026-01-01T00:00:00.000Z',
  })
})

test('every field of the caller is returned', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const spec = {
    type: 'code',
    epic: 'login',
    story: 'reset',
    title: 'Tïtle 🦊',
    description: 'a\nb',
    requires: ['rust', 'sql'],
    priority: 'high',
    maxAttempts: 7,
    notBefore: '2026-01-02T00:00:00.000Z',
    metadata: { deep: { list: [1, null, 'x'] } },
  } as const
  const { id } = await lead.tasks.create({ ...spec, assignedTo: 'worker' })
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ ...spec, assignedTo: worker.id })
})

test('keys that the contract does not know are kept in metadata', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code', estimate: 3, metadata: { team: 'core' } })
  const { metadata } = await lead.tasks.get({ taskId: id })
  expect(metadata).toEqual({ estimate: 3, team: 'core' })
})

test('a caller cannot set the fields of the server: such keys are metadata', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const foreign = { id: 'mine', externalId: 'X-1', planHash: 'h', ended: 'completed', status: 'failed', attempt: 9 }
  const task = await lead.tasks.create({ type: 'code', ...foreign })
  expect(task).toMatchObject({ status: 'pending', externalId: null, attempt: 0, completedAt: null, metadata: foreign })
  expect(task.id).not.toBe('mine')
})

test('urgent is critical and medium is normal', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  expect(await lead.tasks.create({ type: 'code', priority: 'urgent' })).toMatchObject({ priority: 'critical' })
  expect(await lead.tasks.create({ type: 'code', priority: 'medium' })).toMatchObject({ priority: 'normal' })
})

test('creating a task appends its event in the same commit', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code', title: 'first', epic: 'login' })
  const { events } = await lead.events.list({ types: ['task.created'] })
  expect(events).toMatchObject([
    { subject: id, actor: null, data: { status: 'pending', type: 'code', title: 'first' } },
  ])
})

test.each([
  ['no type', { type: '' }],
  ['a title that is too long', { type: 'code', title: 'x'.repeat(1_001) }],
  ['too many capabilities', { type: 'code', requires: Array.from({ length: 17 }, (_, index) => `c${index}`) }],
  ['no attempts', { type: 'code', maxAttempts: 0 }],
  ['a time without milliseconds', { type: 'code', notBefore: '2026-01-01T00:00:00Z' }],
  ['a parent that does not exist', { type: 'code', parentId: nobody }],
  ['a dependency that does not exist', { type: 'code', dependsOn: [nobody] }],
])('a task with %s is INVALID_INPUT and is not stored', async (_, input) => {
  await using server = await TestServer.start()
  const refused = await refusal(server.connect().tasks.create(input))
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', applied: 'no' })
  expect(rows(server, 'SELECT id FROM tasks')).toEqual([])
  expect(rows(server, 'SELECT seq FROM event_log')).toEqual([])
})

test('a task for an unknown agent is NOT_FOUND', async () => {
  await using server = await TestServer.start()
  const refused = await refusal(server.connect().tasks.create({ type: 'code', assignedTo: 'ghost' }))
  expect(refused).toMatchObject({ code: 'NOT_FOUND', message: 'Agent ghost not found' })
})

test('the same key and body returns the first task', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const input = { type: 'code', title: 'once', idempotencyKey: 'k1' }
  const first = await lead.tasks.create(input)
  expect(await lead.tasks.create(input)).toEqual(first)
  expect(await lead.tasks.create({ ...input, priority: 'normal' })).toEqual(first)
  expect((await lead.tasks.list({})).tasks).toHaveLength(1)
})

test('two concurrent calls with the same key create one task', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const input = { type: 'code', idempotencyKey: 'k1' }
  const made = await Promise.all([lead.tasks.create(input), server.connect().tasks.create(input)])
  expect(made[0]).toEqual(made[1])
  expect((await lead.tasks.list({})).tasks).toHaveLength(1)
})

test('the same key with another body is IDEMPOTENCY_CONFLICT', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code', idempotencyKey: 'k1' })
  const refused = await refusal(lead.tasks.create({ type: 'test', idempotencyKey: 'k1' }))
  expect(refused).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', applied: 'no' })
})

test('a key belongs to its caller and its procedure', async () => {
  await using server = await TestServer.start()
  const [lead, other] = [server.connect(), await server.agent('other', { type: 'tech-lead' })]
  const first = await lead.tasks.create({ type: 'code', idempotencyKey: 'k1' })
  const second = await other.tasks.create({ type: 'test', idempotencyKey: 'k1' })
  expect(second.id).not.toBe(first.id)
  await lead.plans.begin({ name: 'p', idempotencyKey: 'k1' })
})

test('a refused call does not use its key up', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const input = { type: 'code', assignedTo: 'late', idempotencyKey: 'k1' }
  expect(await refusal(lead.tasks.create(input))).toMatchObject({ code: 'NOT_FOUND' })
  const late = await server.agent('late')
  expect(await lead.tasks.create(input)).toMatchObject({ assignedTo: late.id })
})

test('a key is deleted 24 hours after its first use and not before, whatever time it has in itself', async () => {
  await using server = await TestServer.start({ limits: { pingMs: 1e12 } })
  const lead = server.connect()
  const [past, future] = [1, 4e12].map((ms) => ms.toString(16).padStart(12, '0').replace(/^.{8}/, '$&-'))
  const keys = ['k1', `${past}-7000-8000-000000000000`, `${future}-7000-8000-000000000000`]
  const createAll = async () => {
    const created = keys.map((idempotencyKey) => lead.tasks.create({ type: 'code', idempotencyKey }))
    return (await Promise.all(created)).map(({ id }) => id)
  }
  const first = await createAll()
  await server.advance(86_399_000)
  expect(await createAll()).toEqual(first)
  await server.advance(1_000)
  const second = await createAll()
  expect(new Set([...first, ...second]).size).toBe(2 * keys.length)
})

test('a developer creates tasks only under a task that it holds', async () => {
  await using server = await TestServer.start()
  const [lead, worker, other] = [server.connect(), await server.agent('worker'), await server.agent('other')]
  const { id } = await lead.tasks.create({ type: 'code' })
  expect(await refusal(worker.tasks.create({ type: 'part', parentId: id }))).toMatchObject({ code: 'FORBIDDEN' })
  await claimOne(worker)
  const child = await worker.tasks.create({ type: 'part', parentId: id })
  expect(child).toMatchObject({ parentId: id, createdBy: worker.id })
  expect(await refusal(worker.tasks.create({ type: 'part' }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(other.tasks.create({ type: 'part', parentId: id }))).toMatchObject({ code: 'FORBIDDEN' })
})
