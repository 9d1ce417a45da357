import { describe, expect, test } from 'vitest'
import type { TestServer } from '../support/server.ts'
import { Guarded } from './given.ts'

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'stranger', version: '1' } },
})

/** A request that is no call, without a credential or with one. */
function send(server: TestServer, path: string, token?: string): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  return fetch(`${server.url}/${path}`, path === 'mcp' ? { method: 'POST', headers, body: initialize } : { headers })
}

/** The refused requests of one path as the record has them. */
async function denialsOf(guarded: Guarded, path: string) {
  await guarded.server.advance(5_000)
  const { denials } = await guarded.admin.audit.list({ of: 'denials' })
  return denials.filter((denial) => denial.path === path)
}

async function countOf(guarded: Guarded, labels: string): Promise<number> {
  const text = await (await send(guarded.server, 'metrics', guarded.adminKey)).text()
  return Number(new RegExp(`^tony_calls_total\\{${labels}\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

describe.each(['mcp', 'sessions', 'metrics'])('requests that are refused at /%s', (path) => {
  test('are recorded as denials and counted like refused calls', async () => {
    await using guarded = await Guarded.start()
    for (let index = 0; index < 3; index += 1) expect((await send(guarded.server, path)).status).toBe(401)
    expect((await send(guarded.server, path, 'wrong.wrong.wrong')).status).toBe(401)
    expect(await countOf(guarded, `procedure="${path}",code="UNAUTHENTICATED"`)).toBe(4)
    expect(await denialsOf(guarded, path)).toMatchObject([
      { subject: null, code: 'UNAUTHENTICATED', address: '127.0.0.1', count: 4 },
    ])
  })

  test('are limited by their address, and callers with a credential are not', async () => {
    await using guarded = await Guarded.start({ limits: { addressBurst: 4, addressPerSecond: 1 } })
    const statuses: number[] = []
    for (let index = 0; index < 6; index += 1) statuses.push((await send(guarded.server, path)).status)
    const accepted = path === 'metrics' ? 2 : 4
    expect(statuses).toEqual([...Array(accepted).fill(401), ...Array(6 - accepted).fill(429)])
    expect((await send(guarded.server, path)).headers.get('retry-after')).toMatch(/^[12]$/)
    expect((await send(guarded.server, path, guarded.adminKey)).status).toBe(200)
  })
})

test('a key without the permission to read the metrics is recorded by its name', async () => {
  await using guarded = await Guarded.start()
  const { key, keyId } = await guarded.key({ roleCeiling: 'developer', scopes: ['*'] })
  expect((await send(guarded.server, 'metrics', key)).status).toBe(403)
  expect(await denialsOf(guarded, 'metrics')).toMatchObject([{ subject: `key:${keyId}`, code: 'FORBIDDEN', count: 1 }])
})
