import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { ask, bootstrapFile, bootstrapToken, Guarded, hasBootstrapFile } from './given.ts'

const admin = { name: 'admin', roleCeiling: 'admin', scopes: ['*'] } as const
const serve = { mode: 'serve' } as const

test('every caller needs a credential, from any machine', async () => {
  await using server = await TestServer.start(serve)
  expect(await ask(server, 'tasks.list', undefined)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  expect(await refusal(server.connect().tasks.list({}))).toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await ask(server, 'system.info', undefined)).toMatchObject({ status: 200 })
})

test('the first start writes a token to a file that only its owner can read, and it is exchanged for an admin key once', async () => {
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

test('one of many concurrent exchanges of the token gets a key', async () => {
  await using server = await TestServer.start(serve)
  const token = bootstrapToken(server)
  const shown = await Promise.all(
    Array.from({ length: 9 }, () => ask(server, 'auth.keys.create', token, { kind: 'mutation', input: admin })),
  )
  expect(shown.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(shown.filter(({ status }) => status === 401)).toHaveLength(8)
})

test('a start within an hour writes the same token again, a later start another one, and a start with an admin key none', async () => {
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

test('a start after the last admin key was revoked writes a new token, and the exchanged one stays spent', async () => {
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

test('the token is valid for an hour', async () => {
  await using server = await TestServer.start(serve)
  server.clock.advance(3_600_000)
  expect(await ask(server, 'auth.whoami', bootstrapToken(server))).toMatchObject({ status: 401 })
})

test('a token that the operator put into a file is valid once, also after a restart', async () => {
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

test('a database without its pepper is not served, because every credential would be refused without a reason', async () => {
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

test('an unusable secret file is reported by the name of its variable', async () => {
  await using place = await TestServer.start()
  const file = join(place.folder, 'short')
  writeFileSync(file, 'short')
  const start = (config: object) => TestServer.start({ ...serve, config })
  await expect(start({ pepperFile: file })).rejects.toThrow('MCP_PEPPER_FILE')
  await expect(start({ bootstrapTokenFile: file })).rejects.toThrow('MCP_BOOTSTRAP_TOKEN_FILE')
  await expect(start({ pepperFile: join(place.folder, 'absent') })).rejects.toThrow('cannot be read')
})
