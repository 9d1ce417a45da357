import { describe, expect, test } from 'vitest'
import { reading } from '../api/given.ts'
import type { TestServer } from '../support/server.ts'
import { exchange, statusIn, upgradeRequest, Wire } from '../transports/wire.ts'
import { ask, Guarded } from './given.ts'

/**
 * Makes the server unable to read revocations of other processes. Everything else stays readable.
 */
const blind = (server: TestServer) => server.execute('alter table sessions rename to sessions_elsewhere')
const heal = (server: TestServer) => server.execute('alter table sessions_elsewhere rename to sessions')

/** Advances the clock second by second, with time for the work that each second starts. */
async function seconds(server: TestServer, count: number): Promise<void> {
  for (let second = 0; second < count; second += 1) {
    server.clock.advance(1_000)
    await fetch(`${server.url}/livez`)
  }
}

test('a revocation that a server could not read takes effect with its first call afterwards', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const { token } = await guarded.agent('worker')
  using wire = await Wire.open(server.url, { connectionParams: { token } })
  expect(await wire.answers()).toBe(true)
  blind(server)
  server.execute(`update sessions_elsewhere set revoked_at = ${server.parts.now()}`)
  await seconds(server, 20)
  heal(server)
  expect((await ask(server, 'tasks.list', token)).code).toBe('TOKEN_REVOKED')
  expect(await wire.closed).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' })
})

test('a store that does not reply decides nothing about a credential: the client may try again, and no address is locked out', async () => {
  await using guarded = await Guarded.start()
  const { server, adminKey } = guarded
  server.execute('alter table credentials rename to credentials_elsewhere')
  using wire = await Wire.open(server.url, { connectionParams: { token: adminKey } })
  expect((await wire.closed).code).toBe(1013)
  for (let attempt = 0; attempt < 12; attempt += 1)
    expect((await ask(server, 'tasks.list', adminKey)).status).toBeGreaterThanOrEqual(500)
  server.execute('alter table credentials_elsewhere rename to credentials')
  expect((await ask(server, 'tasks.list', adminKey)).status).toBe(200)
})

describe('a server that cannot read revocations', () => {
  test('serves for 5 s, then answers 503 on every transport, and serves again when it can read them', async () => {
    await using guarded = await Guarded.start()
    const { server, adminKey } = guarded
    using wire = await Wire.open(server.url, { connectionParams: { token: adminKey } })
    expect(await wire.answers()).toBe(true)
    blind(server)
    await seconds(server, 4)
    expect((await ask(server, 'tasks.list', adminKey)).status).toBe(200)
    await seconds(server, 3)
    for (const kind of ['query', 'mutation'] as const) {
      const path = kind === 'query' ? 'tasks.list' : 'tasks.create'
      const answer = await ask(server, path, adminKey, { kind, input: { type: 'code' } })
      expect([answer.status, answer.code, answer.headers.get('retry-after')]).toEqual([503, 'STORE_UNAVAILABLE', '1'])
      const told = await wire.call(path, kind, { type: 'code' })
      expect(told).toMatchObject({ error: { data: { code: 'STORE_UNAVAILABLE', retryAfterMs: 1_000 } } })
    }
    expect(statusIn(await exchange(server.url, upgradeRequest()))).toBe(503)
    const ready = await fetch(`${server.url}/readyz`)
    expect([ready.status, (await fetch(`${server.url}/livez`)).status]).toEqual([503, 200])
    heal(server)
    expect((await ask(server, 'tasks.list', adminKey)).status).toBe(200)
    expect((await wire.call('tasks.list', 'query', {})).error).toBeUndefined()
    expect((await guarded.admin.tasks.list({})).tasks).toEqual([])
  })

  test('keeps its sockets for half a minute, and then closes them with 1013', async () => {
    await using guarded = await Guarded.start()
    const { server, adminKey } = guarded
    using wire = await Wire.open(server.url, { connectionParams: { token: adminKey } })
    expect(await wire.answers()).toBe(true)
    blind(server)
    await seconds(server, 20)
    wire.send('PONG')
    expect(await wire.answers()).toBe(true)
    await seconds(server, 20)
    expect(await wire.closed).toEqual({ code: 1013, reason: 'STORE_UNAVAILABLE' })
    heal(server)
  })

  test('sends no more events to subscribers, who continue after their last event on another socket', async () => {
    await using guarded = await Guarded.start()
    const { server, admin, adminKey } = guarded
    const { client } = await guarded.agent('worker')
    await admin.tasks.create({ type: 'code' })
    await client.tasks.claim({ leaseMs: 15_000 })
    const following = reading(admin.events.subscribe({ types: ['task.expired'] }))
    const told = following(2)
    using wire = await Wire.open(server.url, { connectionParams: { token: adminKey } })
    wire.send({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: {} } })
    expect((await wire.of(1)).result?.type).toBe('started')
    blind(server)
    // The lease expires during these seconds, which is an event.
    await seconds(server, 18)
    expect(await wire.closed).toEqual({ code: 1013, reason: 'STORE_UNAVAILABLE' })
    heal(server)
    expect((await told).map((item) => JSON.stringify(item)).at(-1)).toContain('"task.expired"')
  })
})
