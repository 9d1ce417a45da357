import { requireKnownPermissions } from '@tony/mcp-server/api/pipeline'
import { expect, test } from 'vitest'
import { rows, tamper } from '../api/given.ts'
import { refusal } from '../support/server.ts'
import { Wire } from '../transports/wire.ts'
import { ask, Guarded } from './given.ts'

test('each change records its agent, its session or key, and its request', async () => {
  await using guarded = await Guarded.start()
  const lead = await guarded.agent('lead', 'tech-lead')
  const { sessionId } = await lead.client.auth.whoami()
  const created = await lead.client.tasks.create({ type: 'code', title: 'audited' })
  const own = await lead.client.audit.list({ agentId: lead.agentId })
  expect(own.mutations.map(({ type }) => type)).toEqual(['agent.registered', 'task.created'])
  const [registered, made] = own.mutations
  expect(registered).toMatchObject({ sessionId: null, keyId: lead.keyId, actor: lead.agentId })
  expect(made).toMatchObject({ sessionId, keyId: null, actor: lead.agentId, subject: created.id })
  const { mutations } = await lead.client.audit.list({ requestId: made?.requestId })
  expect(mutations).toEqual([made])
  expect((await lead.client.audit.list({ sessionId: sessionId ?? '' })).mutations).toEqual([made])
})

test('keys leave records that name them and never contain their secrets', async () => {
  await using guarded = await Guarded.start()
  const { admin } = guarded
  const { keyId, key } = await admin.auth.keys.create({ name: 'ci', scopes: ['tasks:read'] })
  await admin.auth.keys.rotate({ keyId })
  await admin.auth.keys.revoke({ keyId })
  const { mutations } = await admin.audit.list({})
  expect(mutations.map(({ type }) => type)).toEqual(['key.created', 'key.created', 'key.rotated', 'key.revoked'])
  expect(mutations[3]).toMatchObject({ data: { keyId, revokedSessions: 0 } })
  expect(JSON.stringify(mutations)).not.toContain(key.split('_')[2])
  const developer = await guarded.agent('worker')
  expect((await developer.client.events.list({})).events.map(({ type }) => type)).toEqual(['agent.registered'])
})

test('changes by the server itself are in the feed and not in the audit', async () => {
  await using guarded = await Guarded.start()
  const [lead, worker] = [await guarded.agent('lead', 'tech-lead'), await guarded.agent('worker')]
  await lead.client.tasks.create({ type: 'code' })
  await worker.client.tasks.claim({ leaseMs: 5_000 })
  await guarded.server.advance(6_000)
  expect((await lead.client.events.list({ types: ['task.expired'] })).events).toHaveLength(1)
  const { mutations, more } = await lead.client.audit.list({})
  expect(mutations.map(({ type }) => type)).not.toContain('task.expired')
  expect(more).toBe(false)
})

test('the audit is read page by page', async () => {
  await using guarded = await Guarded.start()
  for (let index = 0; index < 5; index += 1) await guarded.key()
  const seen: number[] = []
  for (let cursor: string | undefined, more = true; more; ) {
    const page = await guarded.admin.audit.list({ limit: 2, ...(cursor === undefined ? {} : { cursor }) })
    seen.push(...page.mutations.map(({ seq }) => seq))
    ;({ cursor, more } = page)
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6])
})

test('refused calls are recorded with their callers and procedures, and equal ones share a row with their number', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const [lead, worker] = [await guarded.agent('lead', 'tech-lead'), await guarded.agent('worker')]
  for (let index = 0; index < 3; index += 1) await refusal(worker.client.auth.sessions.list({}))
  for (let index = 0; index < 4; index += 1) await ask(server, 'tasks.list', 'no token')
  using wire = await Wire.open(server.url, { connectionParams: { token: 'no token' } })
  await wire.closed
  await server.advance(5_000)
  const { denials } = await lead.client.audit.list({ of: 'denials' })
  expect(denials).toMatchObject([
    { subject: worker.agentId, path: 'auth.sessions.list', code: 'FORBIDDEN', count: 3, address: '127.0.0.1' },
  ])
  const all = (await guarded.admin.audit.list({ of: 'denials' })).denials
  expect(all).toHaveLength(3)
  expect(all).toContainEqual(
    expect.objectContaining({ subject: null, path: 'tasks.list', code: 'UNAUTHENTICATED', count: 4 }),
  )
  expect(all).toContainEqual(expect.objectContaining({ subject: null, path: 'connect', count: 1 }))
  expect(await refusal(worker.client.audit.list({}))).toMatchObject({ code: 'FORBIDDEN' })
})

test('many refused calls cost a hundred rows, and all are counted', async () => {
  await using guarded = await Guarded.start()
  const paths = Array.from({ length: 150 }, (_, index) => `nothing.${index}`)
  const { denials } = guarded.server.parts.identity
  const error = new Error('no')
  const connection = { parts: guarded.server.parts, identity: { ok: false, error } } as unknown as Parameters<
    typeof denials.record
  >[0]
  for (const path of paths) denials.record(connection, path, 'UNAUTHENTICATED', '01900000-0000-7000-8000-000000000000')
  await guarded.server.sweep()
  const [sum] = rows<{ n: number; calls: number }>(
    guarded.server,
    'SELECT count(*) AS n, sum(count) AS calls FROM denials',
  )
  expect({ n: sum?.n, calls: Number(sum?.calls) }).toEqual({ n: 101, calls: 150 })
})

test('the denials of the last seconds are written when the server stops', async () => {
  await using guarded = await Guarded.start()
  await ask(guarded.server, 'tasks.list', 'no token')
  await guarded.server.stop()
  expect(rows(guarded.server, 'SELECT path FROM denials')).toEqual([{ path: 'tasks.list' }])
})

test('events and denials cannot be changed, even without the server', async () => {
  await using guarded = await Guarded.start()
  await ask(guarded.server, 'tasks.list', 'no token')
  await guarded.server.sweep()
  expect(() => tamper(guarded.server, "UPDATE event_pages SET lines = ''")).toThrow('only added')
  expect(() => tamper(guarded.server, 'UPDATE denials SET count = 0')).toThrow('only added')
})

test('a procedure with a permission that the policy lacks keeps the server from starting', () => {
  const form = (permission: unknown) => new Map([['tasks.secret', { meta: { permission: permission as 'open' } }]])
  expect(() => requireKnownPermissions(form('open'))).not.toThrow()
  for (const permission of [undefined, '', 'tasks:everything', '*'])
    expect(() => requireKnownPermissions(form(permission))).toThrow('tasks.secret')
})
