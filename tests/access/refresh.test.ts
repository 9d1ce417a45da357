import { expect, test } from 'vitest'
import { rows } from '../api/given.ts'
import { refusal, type TestServer } from '../support/server.ts'
import { codeOf, Wire } from '../transports/wire.ts'
import { ask, Guarded } from './given.ts'

const nonce = (number: number): string => `the nonce number ${number}`

const refresh = (server: TestServer, refreshToken: string, number: number) =>
  ask(server, 'auth.refresh', undefined, { kind: 'mutation', input: { refreshToken, nonce: nonce(number) } })

interface Refreshed {
  readonly token: string
  readonly refreshToken: string
  readonly expiresAt: string
  readonly expiresInMs: number
}

const dataOf = ({ text }: { text: string }): Refreshed =>
  (JSON.parse(text) as { result: { data: Refreshed } }).result.data

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

test('an access token names its agent and lasts ten minutes', async () => {
  await using guarded = await Guarded.start()
  const worker = await guarded.agent('worker')
  const header: unknown = JSON.parse(Buffer.from(worker.token.split('.')[0] ?? '', 'base64url').toString())
  expect(header).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: expect.stringMatching(/^[\w-]{43}$/) })
  const claims = claimsOf(worker.token)
  expect(claims).toMatchObject({ sub: worker.agentId, role: 'developer', type: 'implementation', incarnation: 1 })
  for (const name of ['iss', 'aud', 'sid', 'jti', 'iat', 'exp', 'project', 'capabilities'])
    expect(claims).toHaveProperty(name)
  expect(Number(claims['exp']) - Number(claims['iat'])).toBe(600)
})

test('a refresh token returns the next access token of the same session and the next refresh token', async () => {
  await using guarded = await Guarded.start()
  const worker = await guarded.agent('worker')
  await guarded.server.advance(590_000)
  const next = dataOf(await refresh(guarded.server, worker.refreshToken, 1))
  expect(next).toMatchObject({ expiresInMs: 600_000, expiresAt: '2026-01-01T00:19:50.000Z' })
  expect(claimsOf(next.token)['sid']).toBe(claimsOf(worker.token)['sid'])
  await guarded.server.advance(16_000)
  expect(await ask(guarded.server, 'tasks.list', worker.token)).toMatchObject({ status: 401, code: 'TOKEN_EXPIRED' })
  expect(await ask(guarded.server, 'tasks.list', next.token)).toMatchObject({ status: 200 })
  expect((await refresh(guarded.server, next.refreshToken, 2)).status).toBe(200)
})

test('a lost reply is repeated for the same nonce within ten seconds, and counts as reuse after that', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const [one, other] = [await guarded.agent('one'), await guarded.agent('other')]
  const lost = dataOf(await refresh(server, one.refreshToken, 1))
  await refresh(server, other.refreshToken, 1)
  await server.advance(9_900)
  const again = dataOf(await refresh(server, one.refreshToken, 1))
  expect(again.refreshToken).toBe(lost.refreshToken)
  await server.advance(200)
  expect(await refresh(server, other.refreshToken, 1)).toMatchObject({ status: 401, code: 'TOKEN_REVOKED' })
  expect((await refresh(server, again.refreshToken, 2)).status).toBe(200)
})

test.each([
  ['with another nonce', 2],
  ['after its successor was used', 1],
])('a refresh token that is used again %s ends its session', async (how, number) => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const worker = await guarded.agent('worker')
  const next = dataOf(await refresh(server, worker.refreshToken, 1))
  const last = how.startsWith('after') ? dataOf(await refresh(server, next.refreshToken, 7)) : next
  using socket = await Wire.open(server.url, { connectionParams: { token: last.token } })
  expect(await socket.answers()).toBe(true)
  expect(await refresh(server, worker.refreshToken, number)).toMatchObject({ status: 401, code: 'TOKEN_REVOKED' })
  expect(await socket.closed).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' })
  for (const token of [worker.token, next.token, last.token])
    expect(await ask(server, 'tasks.list', token)).toMatchObject({ status: 401, code: 'TOKEN_REVOKED' })
  expect(await refresh(server, last.refreshToken, 9)).toMatchObject({ status: 401, code: 'TOKEN_REVOKED' })
  const { mutations } = await guarded.admin.audit.list({ sessionId: String(claimsOf(worker.token)['sid']) })
  expect(mutations.at(-1)).toMatchObject({ type: 'session.revoked', data: { reason: 'reuse' } })
})

test('fifty concurrent uses of one refresh token with one nonce get the same successor', async () => {
  await using guarded = await Guarded.start()
  const worker = await guarded.agent('worker')
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(guarded.server, worker.refreshToken, 1)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(new Set(answers.map((answer) => dataOf(answer).refreshToken)).size).toBe(1)
})

test('of fifty concurrent uses of one refresh token with different nonces one gets a successor, and the session ends', async () => {
  await using guarded = await Guarded.start()
  const worker = await guarded.agent('worker')
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => refresh(guarded.server, worker.refreshToken, index)),
  )
  const won = answers.filter(({ status }) => status === 200)
  expect(won).toHaveLength(1)
  expect(await refresh(guarded.server, won.map(dataOf)[0]?.refreshToken ?? '', 60)).toMatchObject({
    code: 'TOKEN_REVOKED',
  })
  const [session] = rows<{ revoked: number }>(guarded.server, 'SELECT count(revoked_at) AS revoked FROM sessions')
  expect(session).toEqual({ revoked: 1 })
})

test('an invented refresh token is refused and ends no session', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const worker = await guarded.agent('worker')
  const { refreshToken } = worker
  const last = refreshToken.at(-10) === 'A' ? 'B' : 'A'
  const changed = `${refreshToken.slice(0, -10)}${last}${refreshToken.slice(-9)}`
  for (const made of [changed, 'tcr_', 'tcr_x', worker.token.slice(0, 200), 'x'.repeat(200)])
    expect(await refresh(server, made, 1)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  expect(await ask(server, 'tasks.list', refreshToken)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  expect((await refresh(server, refreshToken, 1)).status).toBe(200)
})

test('a session ends after a day without a refresh, and after thirty days in any case', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const [idle, busy] = [await guarded.agent('idle'), await guarded.agent('busy')]
  let { refreshToken } = busy
  for (let day = 0; day < 30; day += 1) {
    await server.advance(86_400_000 - 2_000)
    const answer = await refresh(server, refreshToken, day)
    expect(answer.status, `day ${day}`).toBe(200)
    refreshToken = dataOf(answer).refreshToken
    if (day === 1) expect(await refresh(server, idle.refreshToken, 1)).toMatchObject({ code: 'TOKEN_EXPIRED' })
  }
  await server.advance(60_000)
  expect(await refresh(server, refreshToken, 99)).toMatchObject({ status: 401, code: 'TOKEN_EXPIRED' })
})

test('a superseded incarnation cannot refresh', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key()
  const who = { name: 'worker', clientInstanceId: 'an instance, a secret' }
  const before = await guarded.register(key, who)
  await guarded.register(key, who)
  const answer = await refresh(guarded.server, before.refreshToken, 1)
  expect(answer).toMatchObject({ status: 401, code: 'STALE_INCARNATION' })
})

test('a renewed socket keeps its calls and subscriptions, and one without a renewal is asked to move and then closed', async () => {
  await using guarded = await Guarded.start({ limits: { pingMs: 10_000_000 } })
  const { server } = guarded
  const [kept, left] = [await guarded.agent('kept'), await guarded.agent('left')]
  using renewed = await Wire.open(server.url, { connectionParams: { token: kept.token } })
  using forgotten = await Wire.open(server.url, { connectionParams: { token: left.token } })
  renewed.send({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: {} } })
  await renewed.of(1)
  await forgotten.answers()
  server.clock.advance(500_000)
  const { token } = dataOf(await refresh(server, kept.refreshToken, 1))
  const renewal = await renewed.call('auth.renew', 'mutation', { token })
  expect(renewal.result?.data).toEqual({ expiresAt: '2026-01-01T00:18:20.000Z' })
  server.clock.advance(41_000)
  expect((await forgotten.next()).method).toBe('reconnect')
  server.clock.advance(66_000)
  expect(await forgotten.closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' })
  expect(await renewed.answers()).toBe(true)
  expect(renewed.texts.some((text) => text.includes('reconnect'))).toBe(false)
})

test('a socket is renewed only with a valid token of its own session', async () => {
  await using guarded = await Guarded.start()
  const [own, other] = [await guarded.agent('own'), await guarded.agent('other')]
  using socket = await Wire.open(guarded.server.url, { connectionParams: { token: own.token } })
  const renew = async (token: string) => codeOf(await socket.call('auth.renew', 'mutation', { token }))
  expect(await renew(other.token)).toBe('FORBIDDEN')
  expect(await renew('nothing')).toBe('UNAUTHENTICATED')
  expect(await renew(guarded.adminKey)).toBe('UNAUTHENTICATED')
  expect(await socket.answers()).toBe(true)
  expect(await refusal(guarded.admin.auth.renew({ token: own.token }))).toMatchObject({ code: 'FORBIDDEN' })
})
