import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { ask, bootstrapFile, bootstrapToken, Guarded, hasBootstrapFile } from './given.ts'

const admin = { name: 'admin', roleCeiling: 'admin', scopes: ['*'] } as const
const serve = { mode: 'serve' } as const

test('nobody is let in without a credential, whatever machine it is', async () => {
  await using server = await TestServer.start(serve)
  expect(await ask(server, 'tasks.list', undefined)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  expect(await refusal(server.connect().tasks.list({}))).toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await ask(server, 'system.info', undefined)).toMatchObject({ status: 200 })
})

test('the first start puts a token into a file only its owner can read, and it is exchanged for an admin key once', async () => {
  await using server = await TestServer.start(serve)
  expect(statSync(bootstrapFile(server)).mode & 0o777).toBe(0o600)
  const token = bootstrapToken(server)
  const stranger = server.connect({ token })
  expect(await refusal(stranger.tasks.list({}))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(stranger.auth.keys.create({ name: 'no admin' }))).toMatchObject({ code: 'INVALID_INPUT' })
  const { key } = await stranger.auth.keys.create(admin)
  expect(hasBootstrapFile(server)).toBe(false)
  expect(await ask(server, 'auth.keys.create', token, { kind: 'mutation', input: admin })).toMatchObject({
    status: 401,
  })
  expect((await server.connect({ token: key }).auth.keys.list({})).keys).toHaveLength(1)
})

test('of many that show it at once, one gets a key', async () => {
  await using server = await TestServer.start(serve)
  const token = bootstrapToken(server)
  const shown = await Promise.all(
    Array.from({ length: 9 }, () => ask(server, 'auth.keys.create', token, { kind: 'mutation', input: admin })),
  )
  expect(shown.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(shown.filter(({ status }) => status === 401)).toHaveLength(8)
})

test('a start within the hour of the token writes the same one, a later start another, and one with an admin key none', async () => {
  const hour = 3_600_000
  const first = await TestServer.start(serve)
  const before = bootstrapToken(first)
  await first.stop()
  rmSync(bootstrapFile(first))
  const second = await TestServer.start({ ...serve, folder: first.folder })
  expect(bootstrapToken(second)).toBe(before)
  second.clock.advance(hour)
  await second.stop()
  const third = await TestServer.start({ ...serve, folder: first.folder, clock: second.clock })
  const after = bootstrapToken(third)
  expect(after).not.toBe(before)
  expect(await ask(third, 'auth.whoami', before)).toMatchObject({ status: 401 })
  await third.connect({ token: after }).auth.keys.create(admin)
  await third.stop()
  const fourth = await TestServer.start({ ...serve, folder: first.folder, clock: second.clock })
  expect(hasBootstrapFile(fourth)).toBe(false)
  await fourth.stop()
  rmSync(first.folder, { recursive: true })
})

test('after the last admin key is revoked a start makes a new token, and the exchanged one stays used', async () => {
  const first = await TestServer.start(serve)
  const used = bootstrapToken(first)
  const { key, keyId } = await first.connect({ token: used }).auth.keys.create(admin)
  await first.connect({ token: key }).auth.keys.revoke({ keyId })
  await first.stop()
  const second = await TestServer.start({ ...serve, folder: first.folder })
  expect(bootstrapToken(second)).not.toBe(used)
  expect(await ask(second, 'auth.whoami', used)).toMatchObject({ status: 401 })
  expect(await ask(second, 'auth.whoami', bootstrapToken(second))).toMatchObject({ status: 200 })
  await second.stop()
  rmSync(first.folder, { recursive: true })
})

test('the token is good for an hour', async () => {
  await using server = await TestServer.start(serve)
  server.clock.advance(3_600_000)
  expect(await ask(server, 'auth.whoami', bootstrapToken(server))).toMatchObject({ status: 401 })
})

test('a token that somebody else put into a file is good once, also after a restart', async () => {
  const first = await TestServer.start(serve)
  await first.stop()
  const file = join(first.folder, 'given')
  const token = 'a token that an operator chose: 0123456789'.replaceAll(' ', '-')
  writeFileSync(file, `${token}\n`)
  const options = { ...serve, folder: first.folder, config: { bootstrapTokenFile: file } }
  const second = await TestServer.start(options)
  const { keyId, key } = await second.connect({ token }).auth.keys.create(admin)
  await second.connect({ token: key }).auth.keys.revoke({ keyId })
  await second.stop()
  const third = await TestServer.start(options)
  expect(await ask(third, 'auth.whoami', token)).toMatchObject({ status: 401 })
  await third.stop()
  writeFileSync(file, token.replace('0', '1'))
  const fourth = await TestServer.start(options)
  expect(await ask(fourth, 'auth.whoami', token.replace('0', '1'))).toMatchObject({ status: 200 })
  expect(readFileSync(file, 'utf8')).toBe(token.replace('0', '1'))
  await fourth.stop()
  rmSync(first.folder, { recursive: true })
})

test('a database whose pepper is gone is not served: no credential would be good, and nobody would know why', async () => {
  await using guarded = await Guarded.start()
  const { folder, database } = guarded.server
  await guarded.server.stop()
  const pepper = `${database}.pepper`
  expect(statSync(pepper).mode & 0o777).toBe(0o600)
  const kept = readFileSync(pepper)
  rmSync(pepper)
  await expect(TestServer.start({ ...serve, folder })).rejects.toThrow('MCP_PEPPER_FILE')
  chmodSync(pepper, 0o600)
  writeFileSync(pepper, kept)
  await using again = await TestServer.start({ ...serve, folder })
  expect(await ask(again, 'auth.whoami', guarded.adminKey)).toMatchObject({ status: 200 })
})

test('a file that should hold a secret and does not is said so by the variable', async () => {
  await using place = await TestServer.start()
  const file = join(place.folder, 'short')
  writeFileSync(file, 'short')
  const start = (config: object) => TestServer.start({ ...serve, config })
  await expect(start({ pepperFile: file })).rejects.toThrow('MCP_PEPPER_FILE')
  await expect(start({ bootstrapTokenFile: file })).rejects.toThrow('MCP_BOOTSTRAP_TOKEN_FILE')
  await expect(start({ pepperFile: join(place.folder, 'absent') })).rejects.toThrow('cannot be read')
})
