import { expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { TestServer } from '../support/server.ts'
import { codeOf, Wire } from '../transports/wire.ts'
import { ask, Guarded } from './given.ts'

const limits = { callerBurst: 95, callerPerSecond: 10 }

/** A server with a lead that may create tasks and plans, and calls over HTTP with its token. */
async function given() {
  const guarded = await Guarded.start({ limits })
  const { token } = await guarded.agent('lead', 'tech-lead')
  const call = async (path: string, input: unknown) => {
    const { code, text } = await ask(guarded.server, path, token, { kind: 'mutation', input })
    const { result, error } = JSON.parse(text)
    return { code, data: result?.data, error }
  }
  const list = async () => {
    const { code, text, headers } = await ask(guarded.server, 'tasks.list', token)
    return { code, error: JSON.parse(text).error?.data, ratelimit: headers.get('ratelimit') }
  }
  const createMany = (count: number) => call('tasks.createMany', { tasks: upTo(count).map(() => ({ type: 'code' })) })
  return { guarded, token, call, list, createMany }
}

test('a caller is charged for the tasks that a call has created, and is refused until its limit has recovered', async () => {
  const { guarded, list, createMany } = await given()
  await using _ = guarded
  // Each costs 10, and 10 more for its further hundred tasks.
  for (const __ of upTo(4)) expect(await createMany(200)).toMatchObject({ code: 'OK' })
  expect(await list()).toMatchObject({ code: 'OK', ratelimit: '"caller";r=13;t=9' })
  expect(await createMany(200)).toMatchObject({ code: 'OK' })
  expect(await list()).toMatchObject({
    code: 'RATE_LIMITED',
    error: { retryAfterMs: 900, retryable: true, applied: 'no' },
    ratelimit: expect.stringContaining('r=0'),
  })
  guarded.server.clock.advance(900)
  expect(await list()).toMatchObject({ code: 'OK' })
})

test('heartbeats and other urgent calls are answered while a caller is over its limit', async () => {
  const { guarded, token, list, createMany } = await given()
  await using _ = guarded
  for (let code = 'OK'; code === 'OK'; ) ({ code } = await createMany(200))
  expect(await list()).toMatchObject({ code: 'RATE_LIMITED' })
  using wire = await Wire.open(guarded.server.url, { connectionParams: { token } })
  for (const __ of upTo(50)) {
    const beat = await wire.call('agents.heartbeat', 'mutation', { leases: [] })
    expect(beat.result?.data).toMatchObject({ lost: [] })
  }
  // Bounded all the same: the urgent calls of a caller have one burst too.
  const codes = new Set<unknown>()
  for (const __ of upTo(60)) codes.add(codeOf(await wire.call('agents.heartbeat', 'mutation', { leases: [] })))
  expect(codes).toEqual(new Set([undefined, 'RATE_LIMITED']))
})

test('a message to every agent costs its copies, over all steps of a call and down to one burst', async () => {
  const { guarded, call, list } = await given()
  await using _ = guarded
  const { server } = guarded
  const [project] = server.query<{ id: string }>('SELECT project_id AS id FROM agents')
  for (const index of upTo(30))
    server.execute(
      `INSERT INTO agents (id, project_id, name, type, role, capabilities, status, registered_at, last_activity, metadata)
       VALUES ('01890000-0000-7000-8000-0000000000${10 + index}', '${project?.id}', 'a${index}', 't', 'developer', '[]', 'idle', 0, 0, '{}')`,
    )
  const batch = (count: number) => upTo(count).map((payload) => ({ to: '*', type: 'note', payload }))
  const ten = { messages: batch(10), idempotencyKey: 'k' }
  expect(await call('messages.sendMany', ten)).toMatchObject({ code: 'OK' })
  // 95 - 10 - (300 - 100) / 10, and 2 for the list.
  expect(await list()).toMatchObject({ ratelimit: '"caller";r=63;t=4' })
  // A repeated call writes nothing and costs only itself.
  expect(await call('messages.sendMany', ten)).toMatchObject({ code: 'OK' })
  expect(await list()).toMatchObject({ ratelimit: '"caller";r=51;t=5' })
  expect(await call('messages.sendMany', { messages: batch(100) })).toMatchObject({ code: 'OK' })
  expect(await list()).toMatchObject({ code: 'RATE_LIMITED', error: { retryAfterMs: 9_700 } })
})

test('the staged and the published tasks of a plan cost their rows', async () => {
  const { guarded, call, list } = await given()
  await using _ = guarded
  const { data } = await call('plans.begin', { name: 'plan' })
  const planId: string = data.planId
  const tasks = upTo(150).map((index) => ({ externalId: `t${index}`, type: 'code' }))
  expect(await call('plans.add', { planId, tasks })).toMatchObject({ code: 'OK' })
  // 95 - 1 - 10 - 5 - 2
  expect(await list()).toMatchObject({ ratelimit: '"caller";r=77;t=2' })
  expect(await call('plans.commit', { planId })).toMatchObject({ code: 'OK' })
  // 77 - 50 - 5.1 - 2: the end of the commit is a row too.
  expect(await list()).toMatchObject({ ratelimit: '"caller";r=19;t=8' })
})

test('dev mode charges no costs', async () => {
  await using server = await TestServer.start({ limits })
  const lead = server.connect()
  for (const _ of upTo(5)) await lead.tasks.createMany({ tasks: upTo(200).map(() => ({ type: 'code' })) })
  expect((await lead.tasks.list({})).tasks.length).toBeGreaterThan(0)
})
