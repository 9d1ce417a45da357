import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { describe, expect, test } from 'vitest'
import { onPostgres, TestServer } from '../support/server.ts'
import { bridgedHost } from './hosts.ts'

/** A caller that waits as long as it may. Resolves to the structured content of the reply. */
interface Caller extends AsyncDisposable {
  readonly wait: () => Promise<unknown>
}

const longest = { waitSeconds: 43_200 }
const patience = { timeout: 100_000_000 }

/** A client of the first SDK, which speaks 2025-11-25. */
async function olderCaller(server: TestServer): Promise<Caller> {
  const client = new OlderClient({ name: 'older', version: '1' })
  const transport: unknown = new OlderTransport(new URL(`${server.url}/mcp`))
  await client.connect(transport as Parameters<typeof client.connect>[0])
  const call = (name: string, args: object) =>
    client.callTool({ name, arguments: { ...args } }, undefined, patience).then((result) => result['structuredContent'])
  return { wait: () => call('next_task', longest), [Symbol.asyncDispose]: () => client.close() }
}

/** A client of the second SDK: 2025-11-25, or the newest revision if it may negotiate. */
async function newerCaller(
  server: TestServer,
  mode: 'legacy' | 'auto',
  headers: Readonly<Record<string, string>> = {},
): Promise<Caller> {
  const client = new McpClient({ name: 'newer', version: '1' }, mode === 'auto' ? { versionNegotiation: { mode } } : {})
  const requestInit = { headers: { ...headers } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit }))
  const call = async (name: string, args: object) => {
    const { structuredContent } = await client.callTool({ name, arguments: { ...args } }, patience)
    return structuredContent as Record<string, unknown>
  }
  const { session } = await call('join', {})
  const handle = session === undefined ? {} : { session }
  return { wait: () => call('next_task', { ...longest, ...handle }), [Symbol.asyncDispose]: () => client.close() }
}

/** A caller without a library that reads JSON only, in a session of a revision. */
async function jsonCaller(server: TestServer, protocolVersion: string): Promise<Caller> {
  const post = (body: object, headers: Readonly<Record<string, string>>) =>
    fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
    })
  const begun = await post({ method: 'initialize', params: { protocolVersion, capabilities: {} } }, {})
  await begun.text()
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id') ?? '' }
  const wait = async () => {
    const body = { method: 'tools/call', params: { name: 'next_task', arguments: longest } }
    const response = await post(body, { ...session, 'mcp-protocol-version': protocolVersion })
    return ((await response.json()) as { result: { structuredContent: unknown } }).result.structuredContent
  }
  return { wait, [Symbol.asyncDispose]: async () => undefined }
}

async function bridgeCaller(server: TestServer): Promise<Caller> {
  const host = await bridgedHost(server)
  return { wait: () => host.did('next_task', longest), [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() }
}

/** Each caller, with the longest wait of a tool in seconds. `docs/agents.md` has the reasons. */
const callers: readonly (readonly [string, number, (server: TestServer) => Promise<Caller>])[] = [
  ['an older SDK over HTTP', 20, olderCaller],
  ['a revision with a handshake over HTTP', 20, (server) => newerCaller(server, 'legacy')],
  ['the revision without a handshake over HTTP', 20, (server) => newerCaller(server, 'auto')],
  ['2025-03-26 over HTTP, as JSON', 20, (server) => jsonCaller(server, '2025-03-26')],
  ['2025-06-18 over HTTP, as JSON', 20, (server) => jsonCaller(server, '2025-06-18')],
  ['2025-11-25 over HTTP, as JSON', 20, (server) => jsonCaller(server, '2025-11-25')],
  [
    'a configuration with X-Tony-Max-Wait: 45s',
    45,
    (server) => newerCaller(server, 'auto', { 'x-tony-max-wait': '45s' }),
  ],
  [
    'a configuration with X-Tony-Max-Wait: 12h',
    50,
    (server) => newerCaller(server, 'auto', { 'x-tony-max-wait': '12h' }),
  ],
  ['a host with a bridge', 45, bridgeCaller],
]

// The clock runs while PostgreSQL answers, so no wait has an exact end there.
describe.skipIf(onPostgres)('a tool waits', () => {
  test.each(callers)('for %s at most %i s', async (_, seconds, open) => {
    // The clock jumps, so no ping could be answered in time.
    await using server = await TestServer.start({ limits: { pingMs: 86_400_000 } })
    const waitingCount = () => server.parts.waiters.claims.waitingCount
    await using caller = await open(server)
    const waiting = caller.wait()
    await expect.poll(waitingCount, { interval: 1 }).toBe(1)
    await server.advance(seconds * 1_000 - 1)
    expect(waitingCount()).toBe(1)
    await server.advance(1)
    expect(await waiting).toMatchObject({ task: null })
  })

  test('for no caller whose header is no duration: the refusal names the header', async () => {
    await using server = await TestServer.start()
    await expect(newerCaller(server, 'legacy', { 'x-tony-max-wait': 'long' })).rejects.toThrow(
      /INVALID_INPUT: the header X-Tony-Max-Wait must be a number and a unit/,
    )
  })
})
