import { request } from 'node:http'
import { readConfig } from '@tony/mcp-server/config'
import { expect, test } from 'vitest'
import { exchange, statusIn, upgradeRequest, Wire } from '../transports/wire.ts'
import { ask, Guarded } from './given.ts'

/** Sends headers that `fetch` does not let a caller set. */
const get = (url: string, headers: Record<string, string | string[]>): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(url, { headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })

test('a credential in a URL is refused, over HTTP and at the upgrade', async () => {
  await using guarded = await Guarded.start()
  const { server, adminKey } = guarded
  const bearer = { authorization: `Bearer ${adminKey}` }
  for (const query of [`token=x`, `access_token=x`, `input={}&api_key=x`, `q=${adminKey}`, 'KEY=1']) {
    const url = `${server.url}/trpc/tasks.list?${query}`
    expect(await get(url, bearer), query).toBe(400)
    expect(statusIn(await exchange(server.url, upgradeRequest({}, `/ws?${query}`))), query).toBe(400)
  }
  expect(await get(`${server.url}/trpc/tasks.list?input=%7B%7D`, bearer)).toBe(200)
})

test('two credentials at once are refused', async () => {
  await using guarded = await Guarded.start()
  const { server, adminKey } = guarded
  const url = `${server.url}/trpc/tasks.list?input=%7B%7D`
  expect(await get(url, { authorization: [`Bearer ${adminKey}`, 'Bearer other'] })).toBe(400)
  using wire = await Wire.open(server.url, {
    connectionParams: { token: adminKey },
    headers: { authorization: `Bearer ${adminKey}` },
  })
  expect(await wire.closed).toEqual({ code: 4400, reason: 'send the token once: as a header or in connectionParams' })
})

test('a socket may send its credential in the upgrade, with connectionParams or without', async () => {
  await using guarded = await Guarded.start()
  const headers = { authorization: `Bearer ${guarded.adminKey}` }
  for (const announced of [false, true]) {
    using wire = await Wire.open(guarded.server.url, { headers, ...(announced ? { connectionParams: {} } : {}) })
    expect((await wire.call('auth.whoami', 'query', {})).result?.data).toMatchObject({ kind: 'key', role: 'admin' })
  }
})

test('in serve mode a page of an unlisted origin may not call, with any credential', async () => {
  await using guarded = await Guarded.start({ config: { allowedOrigins: ['https://app.example'] } })
  const { server, adminKey } = guarded
  const from = (origin: string) =>
    get(`${server.url}/trpc/tasks.list?input=%7B%7D`, { authorization: `Bearer ${adminKey}`, origin })
  for (const origin of ['null', 'https://evil-app.example', 'https://app.example.evil', 'http://localhost:3000'])
    expect(await from(origin), origin).toBe(403)
  expect(await from('https://app.example')).toBe(200)
  expect(statusIn(await exchange(server.url, upgradeRequest({ Origin: 'https://other.example' })))).toBe(403)
})

test('an unlisted Host is refused, and the probes of the platform are answered', async () => {
  await using guarded = await Guarded.start({ config: { allowedHosts: ['tony.example', '127.0.0.1'] } })
  const { server, adminKey } = guarded
  const as = (host: string, path = '/trpc/tasks.list?input=%7B%7D') =>
    get(`${server.url}${path}`, { authorization: `Bearer ${adminKey}`, host })
  expect([await as('tony.example'), await as('tony.example:80'), await as('rebound.example')]).toEqual([200, 200, 403])
  expect(await as('10.1.2.3:3456', '/livez')).toBe(200)
  expect(statusIn(await exchange(server.url, upgradeRequest({ Host: 'rebound.example' })))).toBe(403)
})

test('only a trusted proxy decides the address of a caller', async () => {
  await using direct = await Guarded.start()
  await using behind = await Guarded.start({ config: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] } })
  for (const [guarded, said, status] of [
    [direct, '192.0.2.1', 401],
    [behind, '192.0.2.1', 200],
    [behind, '192.0.2.1, 10.0.0.7', 200],
    [behind, '192.0.2.1, 198.51.100.1', 401],
    [behind, 'not an address', 401],
  ] as const) {
    const { key } = await guarded.key({ scopes: ['*'], cidrs: ['192.0.2.0/24'] })
    const answer = await ask(guarded.server, 'tasks.list', key, { headers: { 'x-forwarded-for': said } })
    expect(answer.status, said).toBe(status)
  }
})

test('every reply forbids a browser to run, frame or store it', async () => {
  await using guarded = await Guarded.start()
  for (const path of ['/livez', '/trpc/system.info', '/nothing']) {
    const { headers } = await fetch(`${guarded.server.url}${path}`)
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
  }
})

test('lists in the environment are separated by commas, and an unusable entry is named', () => {
  const env = { MCP_ALLOWED_HOSTS: 'a.example, b.example:80', MCP_TRUSTED_PROXIES: '10.0.0.0/8,::1/128' }
  expect(readConfig('serve', env)).toMatchObject({
    allowedHosts: ['a.example', 'b.example:80'],
    trustedProxies: ['10.0.0.0/8', '::1/128'],
    allowedOrigins: [],
  })
  expect(() => readConfig('serve', { MCP_TRUSTED_PROXIES: '10.0.0.1' })).toThrow('MCP_TRUSTED_PROXIES')
  expect(() => readConfig('serve', { MCP_ALLOWED_ORIGINS: 'app.example' })).toThrow('MCP_ALLOWED_ORIGINS')
})
