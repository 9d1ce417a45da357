import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readConfig } from '@tony/mcp-server/config'
import { limitVariableOf } from '@tony/mcp-server/limits'
import { describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { exchange, statusIn, upgradeRequest, Wire } from '../transports/wire.ts'
import { ask, Guarded } from './given.ts'

test('an agent with its maximum of sockets is refused another with 4429 until it closes one', async () => {
  await using guarded = await Guarded.start({ limits: { socketsPerAgent: 2 } })
  const { server, adminKey } = guarded
  const [{ key }, other] = [await guarded.key(), await guarded.agent('other')]
  const { token } = await guarded.register(key, { name: 'worker' })
  const open = (shown: string) => Wire.open(server.url, { connectionParams: { token: shown } })
  using first = await open(token)
  using second = await open(token)
  expect([await first.answers(), await second.answers()]).toEqual([true, true])
  using third = await open(token)
  expect(await third.of(null)).toMatchObject({ error: { data: { code: 'RATE_LIMITED', retryable: true } } })
  expect(await third.closed).toEqual({ code: 4429, reason: 'RATE_LIMITED' })
  // Other agents are not affected, and a key has no such limit.
  using foreign = await open(other.token)
  expect(await foreign.answers()).toBe(true)
  using keyed = [await open(adminKey), await open(adminKey), await open(adminKey)].at(-1) ?? first
  expect(await keyed.answers()).toBe(true)
  first.ws.close()
  await first.closed
  expect(await second.answers()).toBe(true)
  using fourth = await open(token)
  expect(await fourth.answers()).toBe(true)
})

test('a caller beyond the maximum of all sockets gets a time for its next attempt', async () => {
  await using guarded = await Guarded.start({ limits: { sockets: 1 } })
  expect(await guarded.admin.auth.whoami()).toMatchObject({ kind: 'key' })
  const answer = await exchange(guarded.server.url, upgradeRequest())
  expect(statusIn(answer)).toBe(503)
  expect(answer).toMatch(/\r\nRetry-After: [1-5]\r\n/)
})

test('handshakes beyond the rate are refused with a time for the next attempt, and accepted then', async () => {
  await using guarded = await Guarded.start({ limits: { handshakesPerSecond: 3 } })
  const { server, admin } = guarded
  expect(await admin.auth.whoami()).toMatchObject({ kind: 'key' })
  server.clock.advance(1_000)
  using wires = new DisposableStack()
  for (let opened = 0; opened < 3; opened += 1) wires.use(await Wire.open(server.url))
  const answer = await exchange(server.url, upgradeRequest())
  expect(statusIn(answer)).toBe(503)
  expect(answer).toMatch(/\r\nRetry-After: [1-5]\r\n/)
  server.clock.advance(400)
  expect(await wires.use(await Wire.open(server.url)).answers()).toBe(true)
  expect(statusIn(await exchange(server.url, upgradeRequest()))).toBe(503)
})

describe('every limit', () => {
  const { limits } = readConfig('serve', {})
  const page = readFileSync(fileURLToPath(new URL('../../docs/security.md', import.meta.url)), 'utf8')

  test('is in the table of the documentation with its variable and its default', () => {
    const rows = [...page.matchAll(/^\| `(MCP_LIMIT_\w+)` \| (\d+) \|/gm)].map(([, name, value]) => [
      name,
      Number(value),
    ])
    expect(rows).toEqual(Object.entries(limits).map(([name, value]) => [limitVariableOf(name), value]))
  })

  test('can be set by its variable, and an unusable value is named', () => {
    for (const [name, value] of Object.entries(limits))
      expect(readConfig('serve', { [limitVariableOf(name)]: String(value - 1) }).limits).toEqual({
        ...limits,
        [name]: value - 1,
      })
    expect(limitVariableOf('socketsPerAgent')).toBe('MCP_LIMIT_SOCKETS_PER_AGENT')
    const wrong = { MCP_LIMIT_SOCKETS: '0', MCP_LIMIT_HTTP_BATCH: 'many', MCP_PORT: '-1' }
    for (const name of Object.keys(wrong)) expect(() => readConfig('serve', wrong)).toThrow(name)
  })

  test('has an effect on the server', async () => {
    const { limits: set } = readConfig('serve', { MCP_LIMIT_HTTP_BATCH: '2' })
    await using server = await TestServer.start({ limits: set })
    const batch = (size: number) =>
      fetch(`${server.url}/trpc/${Array(size).fill('system.info').join(',')}?batch=1&input=%7B%7D`)
    expect([(await batch(2)).status, (await batch(3)).status]).toEqual([200, 400])
  })
})

describe('the metrics in serve mode', () => {
  const scrape = (server: TestServer, token?: string) =>
    fetch(`${server.url}/metrics`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })

  test('need a key of an admin with their scope', async () => {
    await using guarded = await Guarded.start()
    const { server, adminKey } = guarded
    const scraper = await guarded.key({ roleCeiling: 'admin', scopes: ['system:read'] })
    const answer = await scrape(server, scraper.key)
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('tony_sockets')])
    expect((await scrape(server, adminKey)).status).toBe(200)
    const nobody = await scrape(server)
    expect([nobody.status, nobody.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="tony-mcp"'])
    expect((await scrape(server, 'wrong')).status).toBe(401)
    const { token } = await guarded.agent('lead', 'tech-lead')
    const narrow = await guarded.key({ roleCeiling: 'admin', scopes: ['keys:read'] })
    for (const shown of [token, narrow.key]) expect((await scrape(server, shown)).status).toBe(403)
    await guarded.admin.auth.keys.revoke({ keyId: scraper.keyId })
    expect((await scrape(server, scraper.key)).status).toBe(401)
  })

  test('are readable from the listed blocks of addresses', async () => {
    const config = { metricsCidrs: ['10.9.0.0/16'], trustedProxies: ['127.0.0.0/8'] }
    await using guarded = await Guarded.start({ config })
    const from = async (address: string) =>
      (await fetch(`${guarded.server.url}/metrics`, { headers: { 'x-forwarded-for': address } })).status
    expect([await from('10.9.1.1'), await from('10.8.1.1')]).toEqual([200, 401])
    expect(readConfig('serve', { MCP_METRICS_CIDRS: '10.9.0.0/16' }).metricsCidrs).toEqual(['10.9.0.0/16'])
  })

  test('cost as much as any call', async () => {
    await using guarded = await Guarded.start({ limits: { addressBurst: 20 } })
    const statuses = []
    for (let round = 0; round < 11; round += 1) statuses.push((await scrape(guarded.server)).status)
    expect(statuses).toEqual([...Array(10).fill(401), 429])
    expect((await ask(guarded.server, 'auth.whoami', guarded.adminKey)).status).toBe(200)
  })
})
