import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Agent } from '@tony/mcp-client'
import { readConfig } from '@tony/mcp-server/config'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Pair, selfSigned } from '../support/certificate.ts'
import { Child } from '../support/child.ts'
import { TestServer } from '../support/server.ts'
import { ask, Guarded } from './given.ts'

const folder = mkdtempSync(join(tmpdir(), 'tony-tls-'))
const tls = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') }

function put({ cert, key }: Pair): void {
  writeFileSync(tls.certFile, cert)
  writeFileSync(tls.keyFile, key)
}

const [first, second] = [selfSigned('first'), selfSigned('second')]
const known = getCACertificates('default')
beforeAll(() => setDefaultCACertificates([...known, first.cert, second.cert]))
afterAll(() => setDefaultCACertificates(known))

/** Returns the subject of the certificate that a server shows to a new connection. */
const shownBy = ({ url }: { readonly url: string }, options: object = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(url)
    const socket = connect({ host: '127.0.0.1', port: Number(port), ...options }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.once('error', reject)
  })

test('a server with a certificate uses HTTPS and WSS, the client too, and nothing unencrypted', async () => {
  put(first)
  await using guarded = await Guarded.start({ config: { tls } })
  const { server } = guarded
  expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  const { key } = await guarded.key()
  // The agent registers over HTTPS, and calls over WSS after that.
  const agent = await Agent.register({ url: server.url, token: key, name: 'worker', type: 'implementation' })
  expect(await agent.client.auth.whoami()).toMatchObject({ name: 'worker', role: 'developer' })
  await agent.stop()
  const answer = await ask(server, 'system.info', undefined)
  expect([answer.status, answer.headers.get('strict-transport-security')]).toEqual([200, 'max-age=31536000'])
  await expect(fetch(server.url.replace('https', 'http'))).rejects.toThrow('fetch failed')
  await expect(shownBy(server, { maxVersion: 'TLSv1.1' })).rejects.toThrow(/version|protocol/i)
})

test('an unencrypted reply has no promise of HTTPS', async () => {
  await using guarded = await Guarded.start()
  expect((await ask(guarded.server, 'system.info', undefined)).headers.get('strict-transport-security')).toBeNull()
})

describe('a renewed certificate', () => {
  test('is used for new connections without a restart, and open ones stay', async () => {
    put(first)
    await using guarded = await Guarded.start({ config: { tls } })
    const { server, admin } = guarded
    expect(await shownBy(server)).toBe('first')
    put(second)
    server.clock.advance(5_000)
    expect(await shownBy(server)).toBe('second')
    expect((await admin.auth.whoami()).role).toBe('admin')
  })

  test('that cannot be used leaves the previous one, until a usable one follows', async () => {
    put(first)
    await using guarded = await Guarded.start({ config: { tls, logDir: folder, logLevel: 'error' } })
    const { server } = guarded
    const logged = () => readFileSync(join(folder, 'mcp-server.log'), 'utf8').match(/cannot be used/g)?.length ?? 0
    // The certificate is new and its key is not. The server logs each unusable pair once.
    writeFileSync(tls.certFile, second.cert)
    server.clock.advance(10_000)
    expect(await shownBy(server)).toBe('first')
    await expect.poll(logged).toBe(1)
    writeFileSync(tls.keyFile, 'no key')
    server.clock.advance(5_000)
    expect(await shownBy(server)).toBe('first')
    await expect.poll(logged).toBe(2)
    writeFileSync(tls.keyFile, second.key)
    server.clock.advance(5_000)
    expect(await shownBy(server)).toBe('second')
    await expect.poll(logged).toBe(2)
  })

  test('is read at once when the process gets a SIGHUP', async () => {
    put(first)
    const files = [`TLS_CERT_FILE=${tls.certFile}`, `TLS_KEY_FILE=${tls.keyFile}`]
    await using child = new Child('serve-main.ts', `DATABASE_PATH=${join(folder, 'hup.db')}`, 'MCP_PORT=0', ...files)
    const url = await child.says('Tony MCP Server ready ✔')
    expect(await shownBy({ url })).toBe('first')
    put(second)
    child.signal('SIGHUP')
    await expect.poll(() => shownBy({ url })).toBe('second')
  })
})

test('a server with an unusable certificate does not start and names the variables', async () => {
  put({ cert: first.cert, key: second.key })
  const start = () => TestServer.start({ config: { tls } })
  await expect(start()).rejects.toThrow('TLS_CERT_FILE, TLS_KEY_FILE')
  await expect(TestServer.start({ config: { tls: { ...tls, keyFile: 'absent' } } })).rejects.toThrow('TLS_KEY_FILE')
  expect(() => readConfig('serve', { TLS_CERT_FILE: 'a' })).toThrow('TLS needs both')
  expect(readConfig('serve', { TLS_CERT_FILE: 'a', TLS_KEY_FILE: 'b' }).tls).toEqual({ certFile: 'a', keyFile: 'b' })
})
