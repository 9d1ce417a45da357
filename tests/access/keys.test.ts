import { checkKey } from '@tony/mcp-server/domain/identity/check-key'
import { formatKey } from '@tony/mcp-server/domain/identity/key-format'
import { expect, test } from 'vitest'
import { rows } from '../api/given.ts'
import { refusal } from '../support/server.ts'
import { ask, Guarded, withoutId } from './given.ts'

const dayMs = 86_400_000

test('a key is returned once, and no part of its secret is stored', async () => {
  await using guarded = await Guarded.start()
  const made = await guarded.admin.auth.keys.create({ name: 'ci', scopes: ['tasks:read'], roleCeiling: 'observer' })
  expect(made.key).toMatch(/^tck_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/)
  expect(made).toMatchObject({ maxUses: null, uses: 0, cidrs: [], expiresAt: '2026-04-01T00:00:00.000Z' })
  const { keys } = await guarded.admin.auth.keys.list({})
  expect(keys.map(({ name }) => name).toSorted()).toEqual(['admin', 'ci'])
  const secret = made.key.split('_')[2] ?? ''
  expect(JSON.stringify(keys)).not.toContain(secret)
  expect(JSON.stringify(rows(guarded.server, 'SELECT * FROM credentials'))).not.toContain(secret)
})

test('a key has the permissions that both its scopes and its role grant', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const reader = await guarded.key({ scopes: ['tasks:read', 'tasks:cancel'], roleCeiling: 'observer' })
  const lead = await guarded.key({ scopes: ['*'], roleCeiling: 'tech-lead' })
  expect(await ask(server, 'tasks.list', reader.key)).toMatchObject({ status: 200 })
  expect(await ask(server, 'agents.list', reader.key)).toMatchObject({ status: 403, code: 'FORBIDDEN' })
  const cancel = { kind: 'mutation', input: { taskId: '01900000-0000-7000-8000-000000000000' } } as const
  expect(await ask(server, 'tasks.cancel', reader.key, cancel)).toMatchObject({ status: 403 })
  expect(await ask(server, 'tasks.cancel', lead.key, cancel)).toMatchObject({ status: 404 })
  expect(await ask(server, 'auth.keys.list', lead.key)).toMatchObject({ status: 403 })
})

test('a mistyped, unknown, wrong, expired, revoked or foreign key is refused with the same text', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const [good, short] = [await guarded.key({ scopes: ['*'] }), await guarded.key({ scopes: ['*'], lifeMs: 60_000 })]
  const [gone, other] = [await guarded.key({ scopes: ['*'] }), await guarded.key({ scopes: ['*'] })]
  const elsewhere = await guarded.key({ scopes: ['*'], cidrs: ['10.0.0.0/8', '2001:db8::/32'] })
  const here = await guarded.key({ scopes: ['*'], cidrs: ['127.0.0.0/8'] })
  await guarded.admin.auth.keys.revoke({ keyId: gone.keyId })
  await server.advance(61_000)
  expect(await ask(server, 'tasks.list', good.key)).toMatchObject({ status: 200 })
  expect(await ask(server, 'tasks.list', here.key)).toMatchObject({ status: 200 })
  const [, id = '', secret = '', sum = ''] = good.key.split('_')
  const wrong = [
    `tck_${id}_${secret}_${sum === '000000' ? '000001' : '000000'}`,
    good.key.replace(id, other.keyId),
    `${good.key}0`,
    'tck_',
    'anything else',
    'eyJhbGciOiJub25lIn0.e30.',
    short.key,
    gone.key,
    elsewhere.key,
  ]
  const answers = await Promise.all(wrong.map((key) => ask(server, 'tasks.list', key)))
  for (const answer of answers) {
    expect(answer.status).toBe(401)
    expect(withoutId(answer.text)).toBe(withoutId(answers[0]?.text ?? ''))
  }
})

/** Returns the same object, which reports the calls of its methods to `note`. */
function watched<T extends object>(thing: T, note: (method: string) => void): T {
  return new Proxy(thing, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      note(String(name))
      return value.bind(target)
    },
  })
}

test('an unknown key takes the same work as one with a wrong secret or an ended one, so the time reveals nothing', async () => {
  await using guarded = await Guarded.start()
  const { server, admin } = guarded
  const [good, other] = [await guarded.key({ scopes: ['*'] }), await guarded.key({ scopes: ['*'] })]
  const gone = await guarded.key({ scopes: ['*'] })
  const elsewhere = await guarded.key({ scopes: ['*'], cidrs: ['10.0.0.0/8'] })
  await admin.auth.keys.revoke({ keyId: gone.keyId })
  const secretOf = (key: string) => key.split('_')[2] ?? ''
  const work = async (key: string) => {
    const done: string[] = []
    const parts = {
      ...server.parts,
      store: watched(server.parts.store, (method) => done.push(`store ${method}`)),
      identity: {
        ...server.parts.identity,
        pepper: watched(server.parts.identity.pepper, (method) => done.push(`pepper ${method}`)),
      },
    }
    const [{ status }] = await Promise.allSettled([checkKey(parts, key, '127.0.0.1')])
    return [status, ...done]
  }
  const refused = ['rejected', 'pepper hash', 'store read']
  expect(await work(good.key)).toEqual(['fulfilled', ...refused.slice(1)])
  const wrong = {
    unknown: formatKey('nosuchkeynow', secretOf(good.key)),
    'of another secret': formatKey(good.keyId, secretOf(other.key)),
    revoked: gone.key,
    'revoked and of another secret': formatKey(gone.keyId, secretOf(other.key)),
    elsewhere: elsewhere.key,
    'no key at all': 'something else',
  }
  const works = await Promise.all(Object.values(wrong).map(work))
  expect(works).toEqual(Object.values(wrong).map(() => refused))
  // Anyone can compute the checksum, so a wrong one reveals nothing about any key.
  expect(await work(good.key.replace(/_.{6}$/, '_000000'))).toEqual(['rejected'])
})

test('a caller with the name of a key does not have its permissions', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const { key, keyId } = await guarded.key({ scopes: ['*'], roleCeiling: 'tech-lead' })
  const asKey = guarded.register(key, { name: `key:${keyId}`, role: 'tech-lead' })
  expect(await refusal(asKey)).toMatchObject({ code: 'INVALID_INPUT' })
  const named = await guarded.register(key, { name: keyId, role: 'tech-lead' })
  const create = async (token: string, type: string) =>
    ask(server, 'tasks.create', token, { kind: 'mutation', input: { type, idempotencyKey: 'one' } })
  const [byKey, byAgent] = [await create(key, 'by key'), await create(named.token, 'by agent')]
  expect([byKey.status, byAgent.status]).toEqual([200, 200])
  expect((await guarded.admin.tasks.list({})).tasks.map(({ type }) => type).toSorted()).toEqual(['by agent', 'by key'])
  const { mutations } = await guarded.admin.audit.list({})
  const makers = mutations.filter(({ type }) => type === 'task.created').map(({ actor, keyId: by }) => actor ?? by)
  expect(makers.toSorted()).toEqual([named.agentId, keyId].toSorted())
})

test('both secrets of a rotated key are valid for a time, and then only the new one', async () => {
  await using guarded = await Guarded.start()
  const { server, admin } = guarded
  const first = await guarded.key({ scopes: ['*'] })
  const second = await admin.auth.keys.rotate({ keyId: first.keyId, overlapMs: 60_000 })
  const status = async (key: string) => (await ask(server, 'tasks.list', key)).status
  expect(second).toMatchObject({ keyId: first.keyId, previousUntil: '2026-01-01T00:01:00.000Z' })
  expect([await status(first.key), await status(second.key)]).toEqual([200, 200])
  await server.advance(60_000)
  expect([await status(first.key), await status(second.key)]).toEqual([401, 200])
  const third = await admin.auth.keys.rotate({ keyId: first.keyId })
  const fourth = await admin.auth.keys.rotate({ keyId: first.keyId })
  expect([await status(second.key), await status(third.key), await status(fourth.key)]).toEqual([401, 200, 200])
})

test('an ended or unknown key cannot be rotated', async () => {
  await using guarded = await Guarded.start()
  const { keyId } = await guarded.key()
  const revoked = await guarded.admin.auth.keys.revoke({ keyId })
  expect(await guarded.admin.auth.keys.revoke({ keyId })).toMatchObject({ revokedAt: revoked.revokedAt })
  expect(await refusal(guarded.admin.auth.keys.rotate({ keyId }))).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
  for (const absent of ['nosuchkeynow', 'bootstrap000']) {
    expect(await refusal(guarded.admin.auth.keys.rotate({ keyId: absent }))).toMatchObject({ code: 'NOT_FOUND' })
    expect(await refusal(guarded.admin.auth.keys.revoke({ keyId: absent }))).toMatchObject({ code: 'NOT_FOUND' })
  }
})

test('a key lasts a year at most and belongs to an existing project', async () => {
  await using guarded = await Guarded.start()
  const { keys } = guarded.admin.auth
  expect(await refusal(keys.create({ name: 'k', lifeMs: 366 * dayMs }))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(keys.create({ name: 'k', cidrs: ['10.0.0.0/33'] }))).toMatchObject({ code: 'INVALID_INPUT' })
  expect(await refusal(keys.create({ name: 'k', project: 'nowhere' }))).toMatchObject({ code: 'NOT_FOUND' })
  const project = await guarded.admin.projects.create({ name: 'other' })
  const { key } = await keys.create({ name: 'k', project: 'other' })
  const agent = await guarded.register(key)
  const whoami = await guarded.server.connect({ token: agent.token }).auth.whoami()
  expect(whoami).toMatchObject({ kind: 'agent', project: project.id })
})

test('the last use of a key is recorded to a minute, without a write for each call', async () => {
  await using guarded = await Guarded.start()
  const { key, keyId } = await guarded.key({ scopes: ['*'] })
  const lastUsedAt = async () =>
    (await guarded.admin.auth.keys.list({})).keys.find((candidate) => candidate.keyId === keyId)?.lastUsedAt
  await guarded.server.advance(5_000)
  await ask(guarded.server, 'tasks.list', key)
  expect(await lastUsedAt()).toBeNull()
  await guarded.server.sweep()
  expect(await lastUsedAt()).toBe('2026-01-01T00:00:05.000Z')
})

test('a caller with a key gets its own identity', async () => {
  await using guarded = await Guarded.start()
  const { key, keyId } = await guarded.key({ name: 'ci', scopes: ['agents:register'], roleCeiling: 'tester' })
  const said = await guarded.server.connect({ token: key }).auth.whoami()
  const permissions = ['auth:self', 'agents:register']
  expect(said).toMatchObject({ kind: 'key', name: 'ci', keyId, role: 'tester', permissions, sessionId: null })
})
