import { expect, test } from 'vitest'
import { ReceivedText } from '../support/received-text.ts'
import { refusal, TestServer } from '../support/server.ts'
import { Wire } from '../transports/wire.ts'
import { ask, Guarded } from './given.ts'

const nobody = '01900000-0000-7000-8000-000000000000'

test('an agent revokes its own session, gets the reply, and is refused after that', async () => {
  await using guarded = await Guarded.start()
  const worker = await guarded.agent('worker')
  using socket = await Wire.open(guarded.server.url, { connectionParams: { token: worker.token } })
  const answer = await socket.call('auth.revoke', 'mutation', {})
  expect(answer.result?.data).toEqual({ revokedSessions: 1 })
  expect(await socket.closed).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' })
  expect(await ask(guarded.server, 'tasks.list', worker.token)).toMatchObject({ status: 401, code: 'TOKEN_REVOKED' })
})

test('a tech lead revokes a session or all sessions of an agent; a developer may revoke neither', async () => {
  await using guarded = await Guarded.start()
  const [lead, one, other] = [
    await guarded.agent('lead', 'tech-lead'),
    await guarded.agent('one'),
    await guarded.agent('other'),
  ]
  const { sessions } = await lead.client.auth.sessions.list({ agent: 'one' })
  const [session] = sessions
  expect(sessions).toMatchObject([{ agentId: one.agentId, name: 'one', keyId: one.keyId, revokedAt: null }])
  for (const input of [{ sessionId: session?.sessionId }, { agent: 'one' }, { sessionId: nobody }])
    expect(await refusal(other.client.auth.revoke(input))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await lead.client.auth.revoke({ sessionId: session?.sessionId })).toEqual({ revokedSessions: 1 })
  expect(await lead.client.auth.revoke({ sessionId: session?.sessionId })).toEqual({ revokedSessions: 0 })
  expect(await lead.client.auth.revoke({ agent: other.agentId })).toEqual({ revokedSessions: 1 })
  for (const { token } of [one, other])
    expect(await ask(guarded.server, 'tasks.list', token)).toMatchObject({ code: 'TOKEN_REVOKED' })
  expect((await lead.client.auth.sessions.list({})).sessions.map(({ name }) => name)).toEqual(['lead'])
  expect((await lead.client.auth.sessions.list({ all: true })).sessions).toHaveLength(3)
})

test('unknown objects and those of another project are NOT_FOUND', async () => {
  await using guarded = await Guarded.start()
  const worker = await guarded.agent('worker')
  await guarded.admin.projects.create({ name: 'other' })
  const { key } = await guarded.key({ project: 'other', roleCeiling: 'tech-lead', scopes: ['*'] })
  const foreign = guarded.server.connect({ token: key })
  const [session] = (await guarded.admin.auth.sessions.list({})).sessions
  for (const input of [{ sessionId: nobody }, { sessionId: session?.sessionId }, { agent: 'worker' }])
    expect(await refusal(foreign.auth.revoke(input))).toMatchObject({ code: 'NOT_FOUND' })
  expect((await foreign.auth.sessions.list({})).sessions).toEqual([])
  expect(await ask(guarded.server, 'tasks.list', worker.token)).toMatchObject({ status: 200 })
  expect(await refusal(foreign.auth.revoke({}))).toMatchObject({ code: 'INVALID_INPUT' })
})

test('a revoked key ends its own calls and every session that began with it', async () => {
  await using guarded = await Guarded.start()
  const { server, admin } = guarded
  const { key, keyId } = await guarded.key({ scopes: ['*'], roleCeiling: 'tech-lead' })
  const [first, second] = [
    await guarded.register(key, { name: 'first', role: 'tech-lead' }),
    await guarded.agent('second'),
  ]
  // The third agent is registered with the token of the first, so it depends on the same key.
  const third = await guarded.register(first.token, { name: 'third' })
  const wires = await Promise.all(
    [key, first.token, third.token].map((token) => Wire.open(server.url, { connectionParams: { token } })),
  )
  await Promise.all(wires.map((wire) => wire.answers()))
  expect(await refusal(second.client.auth.revoke({ keyId }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await admin.auth.revoke({ keyId })).toEqual({ revokedSessions: 2 })
  for (const wire of wires) expect(await wire.closed).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' })
  for (const token of [first.token, third.token])
    expect(await ask(server, 'tasks.list', token)).toMatchObject({ code: 'TOKEN_REVOKED' })
  expect(await ask(server, 'tasks.list', key)).toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await ask(server, 'tasks.list', second.token)).toMatchObject({ status: 200 })
})

test('a revocation survives a restart', async () => {
  await using guarded = await Guarded.start()
  const { folder } = guarded.server
  const worker = await guarded.agent('worker')
  await worker.client.auth.revoke({})
  await guarded.server.stop()
  await using again = await TestServer.start({ mode: 'serve', folder, config: { accessTokenMs: 600_000 } })
  expect(await ask(again, 'tasks.list', worker.token)).toMatchObject({ status: 401, code: 'TOKEN_REVOKED' })
})

test('a revocation by another process on the same database takes effect within two seconds', async () => {
  await using guarded = await Guarded.start()
  const worker = await guarded.agent('worker')
  using socket = await Wire.open(guarded.server.url, { connectionParams: { token: worker.token } })
  await socket.answers()
  const { db, t } = await guarded.server.parts.store.read(async (reader) => reader)
  expect(db).toBeDefined()
  await guarded.server.parts.store.transact({ project: '' }, (tx) =>
    tx.db.update(t.sessions).set({ revokedAt: tx.now }),
  )
  expect(await socket.answers()).toBe(true)
  await guarded.server.advance(1_000)
  expect(await socket.closed).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' })
})

test('a revoked session that waits for work gets none', async () => {
  await using guarded = await Guarded.start()
  const [lead, worker] = [await guarded.agent('lead', 'tech-lead'), await guarded.agent('worker')]
  const waiting = ask(guarded.server, 'tasks.claim', worker.token, { kind: 'mutation', input: { waitMs: 60_000 } })
  const held = worker.client.tasks.claim({ waitMs: 60_000 }).catch((error: unknown) => error)
  await worker.client.tasks.list({})
  await lead.client.auth.revoke({ agent: 'worker' })
  const { id } = await lead.client.tasks.create({ type: 'code' })
  expect(await waiting).toMatchObject({ status: 401, code: 'TOKEN_REVOKED' })
  expect(await held).toMatchObject({ code: 'TOKEN_REVOKED' })
  expect(await lead.client.tasks.get({ taskId: id })).toMatchObject({ status: 'pending', attempt: 0 })
})

test('a stream of server-sent events sends a revoked key nothing more, for any length of silence before', async () => {
  await using guarded = await Guarded.start()
  const { server, admin } = guarded
  await admin.projects.create({ name: 'other' })
  const of = { project: 'other', scopes: ['*'], roleCeiling: 'tech-lead' } as const
  const [{ key, keyId }, lead] = [await guarded.key(of), await guarded.key(of)]
  const stream = await fetch(`${server.url}/trpc/events.subscribe?input=%7B%7D`, {
    headers: { authorization: `Bearer ${key}` },
  })
  const received = new ReceivedText(stream)
  await received.until('checkpoint')
  await admin.auth.keys.revoke({ keyId })
  await server.advance(3_600_000)
  await server.connect({ token: lead.key }).tasks.create({ type: 'secret' })
  await received.until('TOKEN_REVOKED')
  expect(received.text).not.toContain('secret')
})
