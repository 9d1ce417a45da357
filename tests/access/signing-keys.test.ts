import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig } from '@tony/mcp-server/config'
import { FileKeyStore } from '@tony/mcp-server/domain/identity/key-store'
import { publishLeadMs, rotateKeys } from '@tony/mcp-server/domain/identity/signing-keys'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { postgresServer } from '../support/postgres.ts'
import { Replicas } from '../support/replicas.ts'
import { onPostgres, type TestServer } from '../support/server.ts'
import { Wire } from '../transports/wire.ts'
import { ask, Guarded, withoutId } from './given.ts'

const lifeMs = 600_000

const published = async (server: TestServer): Promise<JSONWebKeySet> =>
  JSON.parse(await (await fetch(`${server.url}/.well-known/jwks.json`)).text())

const kidOf = (token: string): string => decodeProtectedHeader(token).kid ?? ''

/** Does the same as the command `keys rotate`, at the time of the test's clock. */
const rotateIn = (server: TestServer, inMs: number, revoke = false) =>
  rotateKeys(new FileKeyStore(`${server.database}.key`), {
    now: server.clock.wall(),
    lifeMs,
    signsFrom: server.clock.wall() + inMs,
    revoke,
  })

test('anyone can fetch the public keys and check a token with them, and no secret is among them', async () => {
  await using guarded = await Guarded.start()
  const { token } = await guarded.agent('worker')
  const response = await fetch(`${guarded.server.url}/.well-known/jwks.json`)
  expect(response.headers.get('cache-control')).toBe('public, max-age=300')
  expect(response.headers.get('content-type')).toBe('application/jwk-set+json')
  const jwks: JSONWebKeySet = JSON.parse(await response.text())
  expect(jwks.keys).toMatchObject([{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: kidOf(token) }])
  expect(jwks.keys.flatMap((key) => Object.keys(key)).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
  const options = { currentDate: new Date(guarded.server.clock.wall()), typ: 'at+jwt', issuer: 'tony-mcp' }
  const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), options)
  expect(payload).toMatchObject({ name: 'worker', role: 'developer' })
  expect((await fetch(`${guarded.server.url}/.well-known/jwks.json`, { method: 'POST' })).status).toBe(405)
})

describe.skipIf(onPostgres)('a rotation while the server runs', () => {
  test('publishes the next key at once, signs with it at its time, and keeps earlier tokens valid', async () => {
    await using guarded = await Guarded.start()
    const { server } = guarded
    const { key } = await guarded.key()
    const before = await guarded.register(key, { name: 'before' })
    const [, next] = await rotateIn(server, 60_000)
    await server.sweep()
    expect((await published(server)).keys.map(({ kid }) => kid)).toEqual([kidOf(before.token), next?.kid])
    const meanwhile = await guarded.register(key, { name: 'meanwhile' })
    expect(kidOf(meanwhile.token)).toBe(kidOf(before.token))
    await server.advance(61_000)
    const after = await guarded.register(key, { name: 'after' })
    expect(kidOf(after.token)).toBe(next?.kid)
    for (const { token } of [before, meanwhile, after])
      expect((await ask(server, 'auth.whoami', token)).status).toBe(200)
  })

  test('ends the old key when its last token has expired, and later signatures are refused like any bad token', async () => {
    await using guarded = await Guarded.start()
    const { server } = guarded
    const { token, refreshToken } = await guarded.agent('worker')
    const old = kidOf(token)
    await rotateIn(server, 0)
    await server.advance(lifeMs + 30_000)
    expect((await published(server)).keys).toHaveLength(2)
    expect((await ask(server, 'auth.whoami', token)).code).toBe('TOKEN_EXPIRED')
    await server.advance(60_000)
    expect((await published(server)).keys.map(({ kid }) => kid)).not.toContain(old)
    const [retired, garbage] = [await ask(server, 'auth.whoami', token), await ask(server, 'auth.whoami', 'a.b.c')]
    expect([retired.status, withoutId(retired.text)]).toEqual([401, withoutId(garbage.text)])
    // The session does not depend on the signing key and stays valid.
    const refreshed = await server.connect().auth.refresh({ refreshToken, nonce: 'a nonce of the test' })
    expect((await ask(server, 'auth.whoami', refreshed.token)).status).toBe(200)
    await rotateIn(server, publishLeadMs)
    expect(readFileSync(`${server.database}.key`, 'utf8')).not.toContain(old)
  })

  test('with a revocation ends every token of the other keys at once, on open sockets too, and keeps refresh tokens', async () => {
    await using guarded = await Guarded.start()
    const { server } = guarded
    const { token, refreshToken } = await guarded.agent('worker')
    using wire = await Wire.open(server.url, { connectionParams: { token } })
    expect((await wire.call('auth.whoami', 'query', {})).error).toBeUndefined()
    await rotateIn(server, 0, true)
    await server.sweep()
    expect(await wire.closed).toEqual({ code: 4401, reason: 'UNAUTHENTICATED' })
    expect((await ask(server, 'auth.whoami', token)).code).toBe('UNAUTHENTICATED')
    const refreshed = await server.connect().auth.refresh({ refreshToken, nonce: 'a nonce of the test' })
    expect((await ask(server, 'auth.whoami', refreshed.token)).status).toBe(200)
  })

  test('runs each 30 days without an operator, and publishes the next key before its first use', async () => {
    expect(readConfig('serve', {}).keyRotationMs).toBe(30 * 86_400_000)
    await using guarded = await Guarded.start({ config: { keyRotationMs: 120_000 } })
    const { server } = guarded
    const { key } = await guarded.key()
    const [first] = (await published(server)).keys
    await server.advance(59_000)
    expect((await published(server)).keys).toEqual([first])
    await server.advance(1_000)
    const [, next] = (await published(server)).keys
    expect(kidOf((await guarded.register(key, { name: 'early' })).token)).toBe(first?.kid)
    await server.advance(60_000)
    expect(kidOf((await guarded.register(key, { name: 'late' })).token)).toBe(next?.kid)
  })

  test('by an unreadable file changes nothing', async () => {
    await using guarded = await Guarded.start()
    const { token } = await guarded.agent('worker')
    writeFileSync(`${guarded.server.database}.key`, '{"keys":[]}')
    await expect(guarded.server.sweep()).rejects.toThrow('signing keys')
    expect((await ask(guarded.server, 'auth.whoami', token)).status).toBe(200)
  })

  test('that two operators start at the same time is two rotations', async () => {
    await using guarded = await Guarded.start()
    await Promise.all([rotateIn(guarded.server, 1_000), rotateIn(guarded.server, 2_000)])
    await guarded.server.sweep()
    expect((await published(guarded.server)).keys).toHaveLength(3)
  })

  test('by the command reaches the server within 2 s', async () => {
    await using guarded = await Guarded.start({ clock: systemClock })
    const { server } = guarded
    const { token } = await guarded.agent('worker')
    const { tony, remove } = command()
    const { code, stdout } = await tony('keys', 'rotate', '--now', '--json', '--db-path', server.database)
    expect(code).toBe(0)
    const { keys } = JSON.parse(stdout)
    expect(keys).toHaveLength(2)
    await expect.poll(async () => (await published(server)).keys.length).toBe(2)
    expect((await ask(server, 'auth.whoami', token)).status).toBe(200)
    const revoke = (...how: readonly string[]) =>
      tony('keys', 'rotate', '--revoke', ...how, '--db-path', server.database)
    expect(await revoke()).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('cannot be undone') })
    expect((await revoke('--confirm', 'other')).code).toBe(5)
    const { effects, confirm } = JSON.parse((await revoke('--dry-run', '--json')).stdout)
    expect(effects.map(({ id }: { id: string }) => id)).toEqual(keys.map(({ kid }: { kid: string }) => kid))
    expect((await ask(server, 'auth.whoami', token)).status).toBe(200)
    expect((await revoke('--confirm', confirm)).code).toBe(0)
    remove()
    await expect.poll(async () => (await ask(server, 'auth.whoami', token)).code).toBe('UNAUTHENTICATED')
  })
})

test('a revocation with --yes replaces a damaged key file, which a dry run cannot list', async () => {
  const { tony, folder, remove } = command()
  const database = join(folder, 'damaged.db')
  writeFileSync(`${database}.key`, '{"keys":[{"k')
  const revoke = (...how: readonly string[]) => tony('keys', 'rotate', '--revoke', ...how, '--db-path', database)
  expect((await revoke('--dry-run', '--yes')).code).not.toBe(0)
  expect(await revoke('--yes')).toMatchObject({ code: 0, stderr: '' })
  expect((await revoke('--dry-run')).stdout).toContain('1 would change')
  remove()
})

describe.skipIf(postgresServer === undefined)('two replicas', () => {
  test('share their keys by the database, sealed, and both follow a rotation by the command', async () => {
    await using replicas = await Replicas.start()
    const { first, second } = replicas
    const { token } = await first.connect().agents.register({ name: 'worker', type: 'implementation' })
    expect((await ask(second, 'auth.whoami', token)).status).toBe(200)
    expect(await published(second)).toEqual(await published(first))
    const [row] = first.query<{ value: string }>("select value from store_facts where name = 'signing keys'")
    expect(row?.value).not.toContain('OKP')
    const { tonyWith, remove } = command()
    const place = { DATABASE_URL: replicas.database.url, MCP_PEPPER_FILE: `${first.database}.pepper` }
    expect(await tonyWith(place)('keys', 'rotate', '--now')).toMatchObject({ code: 0, stderr: '' })
    for (const replica of [first, second]) await expect.poll(async () => (await published(replica)).keys.length).toBe(2)
    expect(await tonyWith(place)('keys', 'rotate', '--revoke', '--yes')).toMatchObject({ code: 0, stderr: '' })
    remove()
    for (const replica of [first, second])
      await expect.poll(async () => (await ask(replica, 'auth.whoami', token)).code).toBe('UNAUTHENTICATED')
  })
})
