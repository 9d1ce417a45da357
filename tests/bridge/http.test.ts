import { request as send } from 'node:http'
import { connect } from 'node:net'
import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import { onPostgres, TestServer } from '../support/server.ts'
import { Host, httpHost } from './hosts.ts'

interface Posted {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

async function post(
  server: { readonly url: string },
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Posted> {
  const response = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

const request = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 1, method, params })

test('a task over HTTP is kept for half an hour of silence and completes at its first attempt', async () => {
  await using server = await TestServer.start()
  const { id } = await server.connect().tasks.create({ type: 'code' })
  await using host = await httpHost(server)
  expect(await host.takes()).toBe(id)
  await server.advance(29 * 60_000)
  await host.did('complete', { taskId: id, result: { files: 3 } })
  const task = await server.connect().tasks.get({ taskId: id })
  expect(task).toMatchObject({ status: 'completed', attempt: 1, failures: 0, result: { files: 3 } })
})

test('two hosts over HTTP from one configuration are two agents, and neither affects the leases of the other', async () => {
  await using server = await TestServer.start()
  await server.connect().tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })
  await using first = await httpHost(server)
  await using second = await httpHost(server)
  const [one, two] = [await first.takes(), await second.takes()]
  expect(one).not.toBe(two)
  const stolen = await second.call('complete', { taskId: one, result: 'mine' })
  expect(stolen).toMatchObject({ ok: false, text: expect.stringMatching(/^STALE_LEASE: you do not hold task/) })
  const { agents } = await server.connect().agents.list({})
  expect(new Set(agents.map(({ name }) => name)).size).toBe(2)
})

test('a result after another agent has claimed the task is refused and kept with the task', async () => {
  await using server = await TestServer.start()
  const { id } = await server.connect().tasks.create({ type: 'code' })
  await using slow = await httpHost(server)
  await using next = await httpHost(server)
  await slow.takes()
  await server.advance(31 * 60_000)
  await server.advance(10_000)
  expect(await next.takes()).toBe(id)
  const late = await slow.call('complete', { taskId: id, result: 'late, but good' })
  expect(late).toMatchObject({ ok: false, text: expect.stringMatching(/^STALE_LEASE: .*its result is kept/) })
  const { orphanResults } = await server.connect().tasks.get({ taskId: id })
  expect(orphanResults).toMatchObject([{ attempt: 1, result: 'late, but good' }])
  const never = await next.call('complete', { taskId: '01900000-0000-7000-8000-000000000000', result: 1 })
  expect(never).toMatchObject({ ok: false, text: expect.stringMatching(/^STALE_LEASE: you do not hold task/) })
})

test('a server that restarts between two calls of a session still knows the session and its leases', async () => {
  const first = await TestServer.start()
  const { folder, clock } = first
  const port = Number(new URL(first.url).port)
  const { id } = await first.connect().tasks.create({ type: 'code' })
  const host = await httpHost(first)
  const me = await host.did('join')
  await host.takes()
  await first.stop()
  await using second = await TestServer.start({ folder, clock, config: { port } })
  expect(await host.did('who')).toMatchObject({ you: me['name'] })
  expect(await host.takes()).toBe(id)
  await host.did('complete', { taskId: id, result: 'over a restart' })
  expect(await second.connect().tasks.get({ taskId: id })).toMatchObject({ status: 'completed', attempt: 1 })
  await host[Symbol.asyncDispose]()
})

test('a session that its host ends releases its task at once', async () => {
  await using server = await TestServer.start()
  const { id } = await server.connect().tasks.create({ type: 'code' })
  const host = await httpHost(server)
  await host.takes()
  await host[Symbol.asyncDispose]()
  expect(await server.connect().tasks.get({ taskId: id })).toMatchObject({ status: 'pending', failures: 0 })
})

test('a message is shown once, and acked when the host asks for further ones', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await using host = await httpHost(server)
  const { agentId } = await host.did('join')
  const { id } = await lead.messages.send({ to: String(agentId), type: 'note', payload: 'hello' })
  expect(await host.did('inbox')).toMatchObject({ messages: [{ messageId: id, from: 'the operator' }] })
  expect(await host.did('inbox')).toMatchObject({ messages: [] })
  expect(await lead.messages.get({ messageId: id })).toMatchObject({ status: 'acked' })
})

// The clock runs while a server ends. On PostgreSQL a drain of seconds would end before the
// database has answered.
test.skipIf(onPostgres)('a server that ends answers 503 and never 404, and a tool that waits returns', async () => {
  await using server = await TestServer.start()
  await using host = await httpHost(server)
  const waiting = host.did('next_task', { waitSeconds: 45 })
  await expect.poll(() => server.parts.waiters.claims.waitingCount, { interval: 1 }).toBe(1)
  // An HTTP request that begins before the drain and ends during it.
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (data: Buffer) => {
    answer += String(data)
  })
  const body = JSON.stringify(request('ping'))
  socket.write(`POST /mcp HTTP/1.1\r\nHost: ${hostname}:${port}\r\n`)
  expect((await post(server, request('ping'))).status).toBe(200)
  const stopped = server.stop()
  socket.write(`Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  await expect.poll(() => answer).toMatch(/^HTTP\/1.1 503 .*retry-after: 1\r\n.*SHUTTING_DOWN/is)
  socket.destroy()
  await stopped
  expect(await waiting).toMatchObject({ task: null })
})

test.each([
  ['a name of another machine', { host: 'tony.example:3456' }],
  ['a page of another origin', { origin: 'https://tony.example' }],
])('a caller with %s is refused with 403', async (_, headers) => {
  await using server = await TestServer.start()
  const { hostname, port } = new URL(server.url)
  const status = await new Promise((resolve) => {
    const options = {
      hostname,
      port,
      path: '/mcp',
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    }
    send(options, (response) => resolve(response.statusCode)).end(JSON.stringify(request('ping')))
  })
  expect(status).toBe(403)
})

test('with authentication every call needs a credential, and an enrolment token joins', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const nobody = await post(server, request('tools/list'))
  expect(nobody).toMatchObject({ status: 401, text: expect.stringContaining('UNAUTHENTICATED') })
  expect(nobody.headers.get('www-authenticate')).toContain('Bearer')
  const { key, keyId } = await guarded.key({ scopes: ['agents:register'], roleCeiling: 'developer' })
  await using host = await httpHost(server, { authorization: `Bearer ${key}` })
  expect(await host.did('join')).toMatchObject({ role: 'developer' })
  const above = await host.call('join', { type: 'tech-lead' })
  expect(above).toMatchObject({ ok: false, text: expect.stringMatching(/^FORBIDDEN/) })
  await guarded.admin.auth.keys.revoke({ keyId })
  await expect(host.call('who')).rejects.toThrow(/401|UNAUTHENTICATED|Unauthorized/)
})

test('the id of a session is useless with another credential', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const scopes = ['*', 'agents:register'] as const
  const [owner, thief] = [await guarded.key({ scopes }), await guarded.key({ scopes })]
  const shown = (key: string, session: string) => ({ authorization: `Bearer ${key}`, 'mcp-session-id': session })
  const begun = await post(server, request('initialize', { protocolVersion: '2025-11-25', capabilities: {} }), {
    authorization: `Bearer ${owner.key}`,
  })
  const session = begun.headers.get('mcp-session-id') ?? ''
  const call = (key: string, name: string) =>
    post(server, request('tools/call', { name, arguments: {} }), shown(key, session))
  expect((await call(owner.key, 'join')).text).toContain('"name":"host-')
  expect((await call(owner.key, 'who')).text).toContain('"you":"host-')
  expect((await call(thief.key, 'who')).text).toContain('"you":""')
  expect((await call(thief.key, 'next_task')).text).toContain('AGENT_NAME_TAKEN')
})

test('an agent with its own token is itself', async () => {
  await using server = await TestServer.start()
  const agent = await server.agent('somebody')
  await using host = await httpHost(server, { authorization: `Bearer ${agent.token}` })
  expect(await host.did('join')).toMatchObject({ agentId: agent.id, name: 'somebody' })
})

test('a host of the newest protocol, which has no sessions, has the name of its configuration', async () => {
  await using server = await TestServer.start()
  const modern = async (headers: Record<string, string>) => {
    const client = new McpClient({ name: 'modern', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit: { headers } }))
    return new Host(client, [], () => client.close())
  }
  await using named = await modern({ 'x-tony-agent': 'blue-fox' })
  expect(await named.did('join')).toMatchObject({ name: 'blue-fox' })
  expect(await named.did('who')).toMatchObject({ you: 'blue-fox' })
})

test('a client of the previous protocol version lists and calls tools', async () => {
  await using server = await TestServer.start()
  const client = new OlderClient({ name: 'older', version: '1' })
  const transport: unknown = new OlderTransport(new URL(`${server.url}/mcp`))
  await client.connect(transport as Parameters<typeof client.connect>[0])
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('tony_project_list')
  expect(await client.callTool({ name: 'join', arguments: {} })).toMatchObject({
    structuredContent: { role: 'developer' },
  })
  expect(await client.readResource({ uri: 'tony://agent/nobody' }).catch((error: Error) => error.message)).toContain(
    'nobody',
  )
  await client.close()
})

test('an invalid request is refused in the form of the protocol', async () => {
  await using server = await TestServer.start()
  expect(await post(server, 'no json')).toMatchObject({ status: 400, text: expect.stringContaining('"jsonrpc":"2.0"') })
  expect(await post(server, `"${'x'.repeat(300_000)}"`)).toMatchObject({ status: 413 })
  let deep = '1'
  for (let level = 0; level < 50; level += 1) deep = `[${deep}]`
  expect(await post(server, deep)).toMatchObject({ status: 400, text: expect.stringContaining('nested deeper') })
  const { status } = await fetch(`${server.url}/mcp`)
  expect(status).toBe(405)
})

test('a caller that accepts no stream of events gets JSON', async () => {
  await using server = await TestServer.start()
  const { headers, text } = await post(server, request('tools/list'), { accept: 'application/json' })
  expect(headers.get('content-type')).toBe('application/json')
  expect(JSON.parse(text).result.tools.length).toBeGreaterThan(10)
})
