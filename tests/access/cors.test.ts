import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Guarded } from './given.ts'

const app = 'https://app.example'

const preflight = (server: TestServer, origin: string, path = '/trpc/tasks.create') =>
  fetch(`${server.url}${path}`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  })

const allowed = (headers: Headers) => headers.get('access-control-allow-origin')

test('a page of an allowed origin may send a preflight, call, and read the limits in the reply', async () => {
  await using guarded = await Guarded.start({ config: { allowedOrigins: [app, 'https://other.example'] } })
  const { server, adminKey } = guarded
  const { status, headers } = await preflight(server, app)
  expect([status, allowed(headers), headers.get('vary')]).toEqual([204, app, 'origin'])
  expect(headers.get('access-control-allow-methods')).toBe('GET, POST')
  expect(headers.get('access-control-allow-headers')).toContain('authorization')
  expect(headers.get('access-control-allow-credentials')).toBeNull()
  for (const authorization of [`Bearer ${adminKey}`, 'Bearer wrong']) {
    const answer = await fetch(`${server.url}/trpc/tasks.list?input=%7B%7D`, {
      headers: { authorization, origin: app },
    })
    expect(allowed(answer.headers)).toBe(app)
    expect(answer.headers.get('access-control-expose-headers')).toContain('RateLimit-Policy')
    expect(answer.headers.get('ratelimit-policy')).not.toBeNull()
  }
  const rest = await fetch(`${server.url}/api/auth/refresh`, {
    method: 'POST',
    headers: { origin: app, 'content-type': 'application/json' },
    body: '{}',
  })
  expect([rest.status, allowed(rest.headers)]).toEqual([400, app])
})

test('no other origin is allowed, even with a similar name', async () => {
  await using guarded = await Guarded.start({ config: { allowedOrigins: [app] } })
  for (const origin of ['null', 'https://evil-app.example', `${app}.evil`, `${app}:444`, 'http://app.example', '*']) {
    const { status, headers } = await preflight(guarded.server, origin)
    expect([origin, status, allowed(headers)]).toEqual([origin, 403, null])
  }
  const plain = await fetch(`${guarded.server.url}/trpc/system.info`)
  expect(allowed(plain.headers)).toBeNull()
})

test('by default no origin is allowed, and in dev mode those of the loopback are', async () => {
  await using guarded = await Guarded.start()
  expect((await preflight(guarded.server, 'http://localhost:3000')).status).toBe(403)
  await using dev = await TestServer.start()
  expect((await preflight(dev, 'http://localhost:3000')).status).toBe(204)
  expect((await preflight(dev, app)).status).toBe(403)
})
