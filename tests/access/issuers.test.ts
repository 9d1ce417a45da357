import { createHmac } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OutsideIssuer, type TokenOptions } from '../support/issuer.ts'
import { refusal, TestServer } from '../support/server.ts'
import { Wire } from '../transports/wire.ts'
import { ask, Guarded, withoutId } from './given.ts'

const folder = mkdtempSync(join(tmpdir(), 'tony-issuers-'))
const file = join(folder, 'issuers.json')

const pod = 'system:serviceaccount:tony:worker'
const inCluster = { sub: pod, 'kubernetes.io': { namespace: 'tony', serviceaccount: { name: 'worker' } } }

const rules = [
  {
    when: [
      { claim: 'sub', is: 'system:serviceaccount:tony:*' },
      { claim: ['kubernetes.io', 'serviceaccount', 'name'], is: 'worker' },
    ],
    role: 'developer',
    scopes: ['agents:register'],
  },
  { when: [{ claim: 'groups', is: 'leads' }], role: 'tech-lead' },
  { when: [{ claim: 'groups', is: 'admins' }], role: 'admin' },
]

/** A server that trusts an issuer, with tokens of that issuer by the server's clock. */
class Trusting implements AsyncDisposable {
  readonly issuer: OutsideIssuer
  readonly guarded: Guarded

  private constructor(issuer: OutsideIssuer, guarded: Guarded) {
    this.issuer = issuer
    this.guarded = guarded
  }

  static async start(algorithm = 'ES256', besides: object = {}): Promise<Trusting> {
    const issuer = await OutsideIssuer.start(algorithm)
    const issuersFile = issuer.trust(file, rules, besides)
    return new Trusting(issuer, await Guarded.start({ config: { issuersFile } }))
  }

  token(claims: Readonly<Record<string, unknown>>, options: Partial<TokenOptions> = {}): Promise<string> {
    return this.issuer.token(claims, { now: this.guarded.server.clock.wall(), ...options })
  }

  async ask(claims: Readonly<Record<string, unknown>>, path = 'auth.whoami', options: Partial<TokenOptions> = {}) {
    return ask(this.guarded.server, path, await this.token(claims, options))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.guarded[Symbol.asyncDispose]()
    await this.issuer[Symbol.asyncDispose]()
  }
}

const person = { sub: 'ada@example.com', groups: ['people', 'leads'] }

test.each(['ES256', 'RS256', 'PS384', 'EdDSA'])(
  'a caller with a token of a trusted issuer, signed by %s, has the role of its claims',
  async (algorithm) => {
    await using trusting = await Trusting.start(algorithm)
    const { text, status } = await trusting.ask(person)
    expect(status).toBe(200)
    expect(JSON.parse(text).result.data).toMatchObject({
      kind: 'key',
      name: 'cluster: ada@example.com',
      role: 'tech-lead',
      agentId: null,
      expiresAt: new Date(trusting.guarded.server.clock.wall() + 3_600_000).toISOString(),
    })
    expect((await trusting.ask(person, 'tasks.list')).status).toBe(200)
    expect((await trusting.ask(person, 'auth.keys.list')).code).toBe('FORBIDDEN')
    expect((await trusting.ask({ sub: 'root', groups: 'admins' }, 'auth.keys.list')).status).toBe(200)
  },
)

test('a pod registers an agent with its service account token, up to its role ceiling, and may do nothing else with it', async () => {
  await using trusting = await Trusting.start()
  const { server, register } = {
    server: trusting.guarded.server,
    register: trusting.guarded.register.bind(trusting.guarded),
  }
  const token = await trusting.token(inCluster)
  const { token: own, role } = await register(token, { name: 'worker-1', clientInstanceId: 'a secret of the pod' })
  expect(role).toBe('developer')
  expect((await ask(server, 'tasks.list', own)).status).toBe(200)
  expect((await ask(server, 'tasks.list', token)).code).toBe('FORBIDDEN')
  expect(await refusal(register(token, { name: 'lead', role: 'tech-lead' }))).toMatchObject({ code: 'FORBIDDEN' })
  // The next token has the same identity, so the server recognizes the agent.
  const next = await trusting.token({ ...inCluster, jti: 'another' })
  expect((await register(next, { name: 'worker-1', clientInstanceId: 'a secret of the pod' })).incarnation).toBe(2)
  const [row] = server.query<{ agents: number }>("select count(*) as agents from agents where name = 'worker-1'")
  expect(Number(row?.agents)).toBe(1)
})

test('a caller whom no rule matches is refused, and the error says so', async () => {
  await using trusting = await Trusting.start()
  for (const claims of [
    { sub: 'system:serviceaccount:other:worker', 'kubernetes.io': { serviceaccount: { name: 'worker' } } },
    { sub: pod, 'kubernetes.io': { serviceaccount: { name: 'other' } } },
    { sub: pod },
    { sub: 'eve', groups: ['leads of another kind'] },
    { sub: 'eve', groups: [['leads']] },
    { sub: 'eve', groups: { leads: true } },
    { sub: 'eve' },
  ])
    expect([(await trusting.ask(claims)).status, JSON.stringify(claims)]).toEqual([403, JSON.stringify(claims)])
  expect(trusting.guarded.server.query("select id from credentials where name like 'cluster%'")).toEqual([])
})

test('all faults of a token before the check of its signature give the same error', async () => {
  await using trusting = await Trusting.start()
  await using stranger = await OutsideIssuer.start()
  const { guarded, issuer } = trusting
  const now = guarded.server.clock.wall()
  const seconds = Math.floor(now / 1_000)
  const [head = '', body = ''] = (await trusting.token(person)).split('.')
  const unsigned = Buffer.from('{"alg":"none"}').toString('base64url')
  const symmetric = Buffer.from('{"alg":"HS256"}').toString('base64url')
  const wrong = {
    'of an issuer that is not trusted': await stranger.token(person, { now }),
    'signed by another': await trusting.token(person, { by: stranger }),
    'with an unknown key': await trusting.token(person, { header: { kid: 'unknown' } }),
    'for another audience': await trusting.token({ ...person, aud: 'api' }),
    'of tomorrow': await trusting.token({ ...person, nbf: seconds + 86_400 }),
    'that never ends': await trusting.token({ ...person, exp: undefined }),
    'that lasts too long': await trusting.token(person, { lifeMs: 2 * 86_400_000 }),
    'without a subject': await trusting.token({ groups: ['leads'] }),
    'without a time of issue': await trusting.token({ ...person, iat: undefined }),
    'without a signature': `${unsigned}.${body}.`,
    'signed with the public keys as a password': `${symmetric}.${body}.${createHmac('sha256', issuer.keys).update(`${symmetric}.${body}`).digest('base64url')}`,
    'cut short': `${head}.${body}.AAAA`,
  }
  const garbage = await ask(guarded.server, 'auth.whoami', 'a.b.c')
  for (const [name, token] of Object.entries(wrong)) {
    const answer = await ask(guarded.server, 'auth.whoami', token)
    expect([name, answer.status, withoutId(answer.text)]).toEqual([name, 401, withoutId(garbage.text)])
  }
  const old = await trusting.token(person, { now: now - 7_200_000 })
  expect((await ask(guarded.server, 'auth.whoami', old)).code).toBe('TOKEN_EXPIRED')
})

test('only the configured algorithms count, for any keys that the issuer publishes', async () => {
  await using trusting = await Trusting.start('RS256', { algorithms: ['ES256'] })
  expect((await trusting.ask(person)).code).toBe('UNAUTHENTICATED')
})

describe('the keys of an issuer', () => {
  test('are fetched on a schedule, and never because of a token', async () => {
    await using trusting = await Trusting.start()
    const { issuer, guarded } = trusting
    expect(issuer.fetches).toBe(1)
    for (let round = 0; round < 20; round += 1)
      await trusting.ask(person, 'auth.whoami', { header: { kid: `unknown ${round}` } })
    expect(issuer.fetches).toBe(1)
    await issuer.rotate()
    expect((await trusting.ask(person)).code).toBe('UNAUTHENTICATED')
    expect(issuer.fetches).toBe(1)
    await guarded.server.advance(601_000)
    expect(issuer.fetches).toBe(2)
    expect((await trusting.ask(person)).status).toBe(200)
  })

  test('stay in use while they cannot be fetched, and a failed fetch is not repeated at once', async () => {
    await using trusting = await Trusting.start()
    const { issuer, guarded } = trusting
    issuer.answers = 500
    await expect(guarded.server.advance(601_000)).rejects.toThrow('outside issuers')
    await guarded.server.advance(20_000)
    expect(issuer.fetches).toBe(2)
    expect((await trusting.ask(person)).status).toBe(200)
    issuer.answers = 'keys'
    await guarded.server.advance(11_000)
    expect(issuer.fetches).toBe(3)
  })

  test('that cannot be fetched at the start do not affect other callers, and are fetched later', async () => {
    await using issuer = await OutsideIssuer.start()
    issuer.answers = 503
    const issuersFile = issuer.trust(file, rules)
    await using guarded = await Guarded.start({ config: { issuersFile } })
    const token = await issuer.token(person, { now: guarded.server.clock.wall() })
    expect((await ask(guarded.server, 'auth.whoami', token)).code).toBe('UNAUTHENTICATED')
    expect((await ask(guarded.server, 'auth.whoami', guarded.adminKey)).status).toBe(200)
    issuer.answers = 'keys'
    await guarded.server.advance(31_000)
    expect((await ask(guarded.server, 'auth.whoami', token)).status).toBe(200)
  })

  test('are fetched only from the configured address', async () => {
    await using elsewhere = await OutsideIssuer.start()
    await using issuer = await OutsideIssuer.start()
    issuer.redirectsTo = `${elsewhere.url}/keys`
    const issuersFile = issuer.trust(file, rules)
    await using guarded = await Guarded.start({ config: { issuersFile } })
    expect([issuer.fetches, elsewhere.fetches]).toEqual([1, 0])
    const header = { jku: `${elsewhere.url}/keys`, x5u: `${elsewhere.url}/keys` }
    const token = await issuer.token(person, { now: guarded.server.clock.wall(), by: elsewhere, header })
    expect((await ask(guarded.server, 'auth.whoami', token)).code).toBe('UNAUTHENTICATED')
    expect(elsewhere.fetches).toBe(0)
  })

  test('may be in a file, or need a token themselves', async () => {
    await using trusting = await Trusting.start()
    const keysFile = join(folder, 'keys.json')
    writeFileSync(keysFile, trusting.issuer.keys)
    const inFile = trusting.issuer.trust(file, rules, { jwksUri: undefined, jwksFile: keysFile })
    await using other = await Guarded.start({ config: { issuersFile: inFile } })
    expect((await ask(other.server, 'auth.whoami', await trusting.token(person))).status).toBe(200)
    const bearerFile = join(folder, 'bearer')
    writeFileSync(bearerFile, 'token of this pod\n')
    trusting.issuer.wants = 'token of this pod'
    const wanting = trusting.issuer.trust(file, rules, { bearerFile })
    await using third = await Guarded.start({ config: { issuersFile: wanting } })
    expect((await ask(third.server, 'auth.whoami', await trusting.token(person))).status).toBe(200)
  })
})

describe('an external identity', () => {
  test('is listed among the keys without a secret, and its revocation ends its agents, sockets and later tokens', async () => {
    await using trusting = await Trusting.start()
    const { guarded } = trusting
    const { server, admin } = guarded
    const token = await trusting.token(inCluster)
    const agent = await guarded.register(token, { name: 'worker-1' })
    const { keys } = await admin.auth.keys.list({})
    const { keyId = '', ...key } = keys.find(({ name }) => name === `cluster: ${pod}`) ?? {}
    expect(key).toMatchObject({ roleCeiling: 'developer', scopes: ['agents:register'], uses: 1, revokedAt: null })
    expect(await refusal(admin.auth.keys.rotate({ keyId }))).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
    using wire = await Wire.open(server.url, { connectionParams: { token } })
    expect((await wire.call('auth.whoami', 'query', {})).result?.data).toMatchObject({ keyId })
    expect(await admin.auth.keys.revoke({ keyId })).toMatchObject({ revokedSessions: 1 })
    expect(await wire.closed).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' })
    expect((await ask(server, 'auth.whoami', token)).code).toBe('TOKEN_REVOKED')
    expect((await ask(server, 'auth.whoami', agent.token)).code).toBe('TOKEN_REVOKED')
    expect((await trusting.ask({ ...inCluster, jti: 'next' })).code).toBe('TOKEN_REVOKED')
    expect(await refusal(guarded.register(await trusting.token({ ...inCluster, jti: 'x' })))).toMatchObject({
      code: 'TOKEN_REVOKED',
    })
    expect((await trusting.ask(person)).status).toBe(200)
  })

  test('commits no write after its revocation at another server', async () => {
    await using trusting = await Trusting.start()
    const { server } = trusting.guarded
    const token = await trusting.token(person)
    const lead = server.connect({ token })
    await lead.tasks.create({ type: 'before' })
    server.execute(`update credentials set revoked_at = ${server.clock.wall()} where name like 'cluster%'`)
    expect(await refusal(lead.tasks.create({ type: 'after' }))).toMatchObject({ code: 'TOKEN_REVOKED' })
    expect((await trusting.guarded.admin.tasks.list({})).tasks).toHaveLength(1)
  })

  test('is named in the audit of its changes', async () => {
    await using trusting = await Trusting.start()
    const { server, admin } = trusting.guarded
    await server.connect({ token: await trusting.token(person) }).tasks.create({ type: 'code' })
    const { keys } = await admin.auth.keys.list({})
    const keyId = keys.find(({ name }) => name === 'cluster: ada@example.com')?.keyId
    const { mutations } = await admin.audit.list({})
    expect(mutations.find(({ type }) => type === 'task.created')).toMatchObject({ keyId })
    const { events } = await admin.events.list({ types: ['key.created'] })
    expect(events.at(-1)?.data).toMatchObject({ keyId, name: 'cluster: ada@example.com', roleCeiling: 'tech-lead' })
  })

  test('keeps its socket by a renewal with its next token, and loses it without one', async () => {
    await using trusting = await Trusting.start()
    const { server } = trusting.guarded
    using wire = await Wire.open(server.url, {
      connectionParams: { token: await trusting.token(person, { lifeMs: 20_000 }) },
    })
    const next = await trusting.token(person, { lifeMs: 40_000 })
    expect((await wire.call('auth.renew', 'mutation', { token: next })).error).toBeUndefined()
    const other = await trusting.token({ ...person, sub: 'bob@example.com' })
    expect((await wire.call('auth.renew', 'mutation', { token: other })).error?.data.code).toBe('FORBIDDEN')
    server.clock.advance(24_000)
    expect(await wire.answers()).toBe(true)
    server.clock.advance(24_000)
    expect(await wire.closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' })
  })

  test('has the current role of the rules, also if it was known before', async () => {
    await using issuer = await OutsideIssuer.start()
    const was = mkdtempSync(join(folder, 'server-'))
    const start = (issuersFile: string) => TestServer.start({ mode: 'serve', folder: was, config: { issuersFile } })
    const first = await start(issuer.trust(file, rules))
    const token = await issuer.token(person, { now: first.clock.wall() })
    expect((await ask(first, 'auth.sessions.list', token)).status).toBe(200)
    await first.stop()
    await using second = await start(issuer.trust(file, [{ when: [{ claim: 'sub', is: 'ada*' }], role: 'observer' }]))
    expect((await ask(second, 'auth.sessions.list', token)).code).toBe('FORBIDDEN')
    expect((await ask(second, 'tasks.list', token)).status).toBe(200)
  })
})
