import { expect, test } from 'vitest'
import { z } from 'zod'
import { refusal, TestServer } from '../support/server.ts'

/** Makes one call over tRPC's HTTP with a token. */
async function query(server: TestServer, path: string, token: string) {
  const url = `${server.url}/trpc/${path}?input=${encodeURIComponent('{}')}`
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  const body = (await response.json()) as { error?: { data: { code: string; httpStatus: number } } }
  return { status: response.status, code: body.error?.data.code ?? 'OK' }
}

const register = (server: TestServer, body: string) =>
  fetch(`${server.url}/api/agents/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })

test('system.info describes the server to any caller', async () => {
  await using server = await TestServer.start()
  await server.advance(1_500)
  const answer = await fetch(`${server.url}/trpc/system.info`, { headers: { authorization: 'Bearer not-a-token' } })
  const info = z.object({ result: z.object({ data: z.unknown() }) }).parse(await answer.json()).result.data
  expect(info).toEqual({
    name: 'tony-mcp',
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    protocolVersion: '1.0',
    mode: 'dev',
    durability: 'disk',
    now: '2026-01-01T00:00:01.500Z',
    uptimeMs: 1_500,
  })
})

test('an invented token is UNAUTHENTICATED', async () => {
  await using server = await TestServer.start()
  const stranger = server.connect({ token: 'not a token' })
  expect(await refusal(stranger.tasks.list({}))).toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await query(server, 'tasks.list', 'not-a-token')).toEqual({ status: 401, code: 'UNAUTHENTICATED' })
})

test('a changed token is UNAUTHENTICATED', async () => {
  await using server = await TestServer.start()
  const { token } = await server.agent('worker')
  const [header, claims = '', signature] = token.split('.')
  const said: object = JSON.parse(Buffer.from(claims, 'base64url').toString())
  const forged = Buffer.from(JSON.stringify({ ...said, role: 'tech-lead' })).toString('base64url')
  expect(await query(server, 'tasks.list', token)).toEqual({ status: 200, code: 'OK' })
  const changed = await query(server, 'tasks.list', `${header}.${forged}.${signature}`)
  expect(changed).toEqual({ status: 401, code: 'UNAUTHENTICATED' })
})

test('a token of another server is UNAUTHENTICATED', async () => {
  await using server = await TestServer.start()
  await using other = await TestServer.start()
  const { token } = await other.agent('worker')
  expect(await query(server, 'tasks.list', token)).toEqual({ status: 401, code: 'UNAUTHENTICATED' })
})

test('an expired token is TOKEN_EXPIRED on its first and on any later use', async () => {
  await using server = await TestServer.start()
  const [seen, unseen] = [await server.agent('seen'), await server.agent('unseen')]
  await seen.tasks.list({})
  const claims: { exp: number } = JSON.parse(Buffer.from(seen.token.split('.')[1] ?? '', 'base64url').toString())
  // Clocks may differ by five seconds.
  server.clock.advance(claims.exp * 1_000 - server.clock.wall() + 4_000)
  expect(await query(server, 'tasks.list', seen.token)).toEqual({ status: 200, code: 'OK' })
  server.clock.advance(2_000)
  for (const { token } of [seen, unseen]) {
    expect(await query(server, 'tasks.list', token)).toEqual({ status: 401, code: 'TOKEN_EXPIRED' })
  }
})

test('a body above the limit is PAYLOAD_TOO_LARGE', async () => {
  await using server = await TestServer.start()
  const response = await register(
    server,
    JSON.stringify({ name: 'a', type: 'qa', metadata: { big: 'x'.repeat(300_000) } }),
  )
  expect(response.status).toBe(413)
  expect(await response.json()).toMatchObject({ error: { data: { code: 'PAYLOAD_TOO_LARGE', applied: 'no' } } })
})

test('a key that the contract does not know is INVALID_INPUT in a call that does not keep unknown keys', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const odd = { limit: 1, nonsense: true }
  expect(await refusal(worker.tasks.claim(odd))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(worker.tasks.list(odd))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(worker.messages.receive(odd))).toMatchObject({ code: 'INVALID_INPUT' })
})

test('INVALID_INPUT names the wrong fields', async () => {
  await using server = await TestServer.start()
  const refused = await refusal(server.connect().tasks.create({ type: '', maxAttempts: 0 }))
  expect(refused.details).toMatchObject({ issues: [{ path: 'type' }, { path: 'maxAttempts' }] })
  expect(refused.message).toContain('type')
})

test('a refusal names the missing permission', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const refused = await refusal(worker.tasks.cancel({ taskId: '01900000-0000-7000-8000-000000000000' }))
  expect(refused).toMatchObject({ code: 'FORBIDDEN', details: { permission: 'tasks:cancel', role: 'developer' } })
})

test('a tester has the permissions of a developer', async () => {
  await using server = await TestServer.start()
  const [lead, tester] = [server.connect(), await server.agent('tester', { type: 'qa' })]
  await lead.tasks.create({ type: 'code' })
  const { tasks } = await tester.tasks.claim()
  expect(tasks).toHaveLength(1)
  await tester.messages.send({ to: 'tester', type: 'n', payload: 1 })
  expect(await refusal(tester.plans.begin({ name: 'p' }))).toMatchObject({ code: 'FORBIDDEN' })
})
