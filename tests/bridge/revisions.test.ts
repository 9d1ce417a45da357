import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Host, isRecord } from './hosts.ts'

/** A host of the newest revision, which knows the address of the server and nothing else. */
async function sessionlessHost(at: () => string): Promise<Host> {
  const client = new McpClient({ name: 'Modern Host', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  const first = at()
  const transport = new StreamableHTTPClientTransport(new URL(`${first}/mcp`), {
    fetch: (url, init) => fetch(String(url).replace(first, at()), init),
  })
  await client.connect(transport)
  return new Host(client, [], () => client.close())
}

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {} },
}

async function post(server: TestServer, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

const call = (id: number, name: string) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {} },
})

test('a host without a session id takes part by the handle of join, over a restart of the server', async () => {
  const first = await TestServer.start()
  const { folder, clock } = first
  let { url } = first
  await using host = await sessionlessHost(() => url)
  const { session, name, agentId } = await host.did('join', { type: 'tech-lead' })
  expect(name).toMatch(/^modern-host-/)
  const { tasks } = await host.did('add_tasks', {
    session,
    tasks: [
      { key: 'a', title: 'first' },
      { title: 'second', dependsOn: ['a'] },
    ],
  })
  expect(tasks).toHaveLength(2)
  const taskId = await host.takes({ session })
  await host.did('progress', { session, taskId, percent: 50 })
  await first.stop()
  await using second = await TestServer.start({ folder, clock })
  url = second.url
  await host.did('complete', { session, taskId, result: 'done' })
  const next = await host.takes({ session })
  await host.did('ask', { session, taskId: next, question: 'which?' })
  const bob = await second.agent('bob')
  await bob.messages.send({ to: String(agentId), type: 'note', payload: 'hello' })
  expect(await host.did('inbox', { session })).toMatchObject({
    messages: [{ text: expect.stringContaining('hello') }],
  })
  await host.did('send', { session, to: 'bob', text: 'hello too' })
  expect(await host.did('who', { session })).toMatchObject({ you: name })
})

test('two hosts without session ids are two agents, and a call without the handle names the next step', async () => {
  await using server = await TestServer.start()
  await using one = await sessionlessHost(() => server.url)
  await using other = await sessionlessHost(() => server.url)
  const [first, second] = [await one.did('join'), await other.did('join')]
  expect(first['agentId']).not.toBe(second['agentId'])
  expect(first['session']).not.toBe(second['session'])
  for (const args of [{}, { session: `${String(first['session']).slice(0, -1)}!` }])
    expect(await one.call('next_task', args)).toMatchObject({
      ok: false,
      text: expect.stringMatching(/^NO_SESSION: .*Call join, and pass "session"/),
    })
  const { tools } = await one.client.listTools()
  expect(one.client.getServerCapabilities()?.tools?.listChanged ?? false).toBe(false)
  const takes = tools.filter(({ inputSchema: { properties } }) => isRecord(properties) && 'session' in properties)
  expect(takes).toHaveLength(tools.length)
})

test('a wait of a host without a handshake ends before its first byte is overdue', async () => {
  await using server = await TestServer.start()
  await using host = await sessionlessHost(() => server.url)
  const { session } = await host.did('join')
  const waiting = host.did('next_task', { session, waitSeconds: 45 })
  await expect.poll(() => server.parts.waiters.claims.waitingCount, { interval: 1 }).toBe(1)
  await server.advance(20_000)
  expect(await waiting).toMatchObject({ task: null })
})

test('a session id is refused with 404 after DELETE, joined or not, and if no server has issued it', async () => {
  const first = await TestServer.start()
  const { folder, clock } = first
  const begin = async (server: TestServer) => {
    const { headers } = await post(server, initialize)
    return { 'mcp-session-id': headers.get('mcp-session-id') ?? '' }
  }
  const [joined, idle, live] = [await begin(first), await begin(first), await begin(first)]
  expect((await post(first, call(1, 'join'), joined)).status).toBe(200)
  for (const session of [joined, idle])
    expect((await fetch(`${first.url}/mcp`, { method: 'DELETE', headers: session })).status).toBe(200)
  await first.stop()
  await using second = await TestServer.start({ folder, clock })
  const forged = { 'mcp-session-id': `${live['mcp-session-id'].slice(0, -1)}-` }
  for (const session of [joined, idle, forged, { 'mcp-session-id': 'host.never-issued' }]) {
    const refused = await post(second, call(2, 'who'), session)
    expect(refused).toMatchObject({ status: 404, text: expect.stringContaining('begin a new one with initialize') })
  }
  expect((await post(second, call(3, 'who'), live)).status).toBe(200)
})

test('a batch of a caller that reads JSON gets a reply to each of its calls', async () => {
  await using server = await TestServer.start()
  const { headers } = await post(server, initialize)
  const session = { 'mcp-session-id': headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-03-26' }
  const { status, text } = await post(server, [call(7, 'join'), call(8, 'who')], session)
  expect(status).toBe(200)
  const ids = (JSON.parse(text) as { id: number }[]).map(({ id }) => id)
  expect(ids.toSorted()).toEqual([7, 8])
})
