import { MCPNetworkClient } from '@tony/mcp-client/tony'
import { describe, expect, test } from 'vitest'
import { resolveServerOptions, toBaseUrl } from '../../client/src/tony/environment.ts'
import { TestServer } from '../support/server.ts'
import { messageOf, Tony } from './given.ts'

const painter = { name: 'painter', type: 'implementation', capabilities: ['paint'] }

test('a network client connects, registers, sends requests and leaves', async () => {
  await using server = await TestServer.start()
  const client = new MCPNetworkClient()
  const events: string[] = []
  for (const name of ['connected', 'agentRegistered', 'request', 'agentUnregistered', 'disconnected'])
    client.on(name, () => events.push(name))
  expect(client.isConnected).toBe(false)
  await client.connect(`${server.url.replace('http', 'ws')}/ws`)
  expect(client.isConnected).toBe(true)
  const registration = await client.registerAgent({ ...painter, metadata: { brush: 3 } })
  expect(registration).toMatchObject({ name: 'painter', status: 'idle', capabilities: ['paint'] })
  expect((await server.connect({ token: registration.token }).auth.whoami()).agentId).toBe(registration.agentId)
  expect(await client.getActiveAgents()).toMatchObject([{ name: 'painter', metadata: { brush: 3 } }])
  expect((await client.routeRequest({ method: 'paint', params: { wall: 1 }, timeout: 5_000 })).result).toEqual({
    accepted: true,
    agentId: registration.agentId,
    method: 'paint',
  })
  await client.disconnect()
  await client.disconnect()
  expect(events).toEqual(['connected', 'agentRegistered', 'request', 'agentUnregistered', 'disconnected'])
  expect((await server.connect().agents.list({})).agents).toEqual([])
})

test('requests go to the named agent, or else to the least busy capable one', async () => {
  await using server = await TestServer.start()
  await using tony = new Tony(server)
  const [one, two] = [
    await tony.server.registerAgent({ ...painter, name: 'one', id: 'mine' }, { onRequest: () => 'one' }),
    await tony.server.registerAgent({ ...painter, name: 'two' }, { onRequest: () => 'two' }),
  ]
  const ask = async (agentId?: string) =>
    (await tony.server.routeRequest({ method: 'paint', ...(agentId === undefined ? {} : { agentId }) })).result
  expect([await ask(one.agentId), await ask('mine'), await ask('two'), await ask(two.agentId)]).toEqual([
    'one',
    'one',
    'two',
    'two',
  ])
  const held = await server.agent('holder')
  await server.connect().tasks.create({ type: 'code', assignedTo: 'one' })
  expect((await tony.server.getAgentStatus('mine')).name).toBe('one')
  expect(await ask()).toBe('one')
  await tony.server.unregisterAgent('mine')
  expect(await ask()).toBe('two')
  await tony.server.unregisterAgent(held.id)
  expect(await messageOf(tony.server.getAgentStatus('mine'))).toMatch(/^Agent .+ not found$/)
})

test('a name of another program gets a suffix', async () => {
  await using server = await TestServer.start()
  await using first = new Tony(server)
  await using second = new Tony(server)
  await first.mcp.initialize()
  await second.mcp.initialize()
  expect(first.mcp.getRegistration()?.name).toBe('tony')
  expect(second.mcp.getRegistration()?.name).toMatch(/^tony-[0-9a-f]{8}$/)
  expect((await first.mcp.deployAgent('qa')).name).toBe('qa')
  expect((await first.mcp.deployAgent('qa')).name).toMatch(/^qa-[0-9a-f]{8}$/)
})

test('a message goes to one agent or to all', async () => {
  await using server = await TestServer.start()
  await using tony = new Tony(server)
  const ada = await server.agent('ada')
  await server.agent('bob')
  await tony.server.broadcastMessage({ to: 'ada', type: 'task-request', content: { n: 1 } })
  await tony.server.broadcast({ to: 'all', payload: [2], content: 'not this', priority: 'critical' })
  const { messages } = await ada.messages.receive({ limit: 5, waitMs: 5_000 })
  expect(messages.map(({ type, payload }) => [type, payload])).toEqual([
    ['broadcast', [2]],
    ['task-request', { n: 1 }],
  ])
})

describe('the server is found', () => {
  test.each([
    ['http://localhost:3456', 'http://localhost:3456'],
    ['http://localhost:3456/', 'http://localhost:3456'],
    ['http://localhost:3456/mcp', 'http://localhost:3456'],
    ['ws://localhost:3456/ws', 'http://localhost:3456'],
    ['wss://tony.example/ws', 'https://tony.example'],
    ['https://tony.example/base/mcp/', 'https://tony.example/base'],
  ])('at %s', (given, url) => {
    expect(toBaseUrl(given)).toBe(url)
  })

  test.each([
    [{}, 'http://127.0.0.1:3456'],
    [{ TONY_MCP_SERVER: 'none' }, 'http://127.0.0.1:3456'],
    [{ TONY_MCP_SERVER: 'http://a:1' }, 'http://a:1'],
    [{ MCP_URL: 'http://b:2', TONY_MCP_SERVER: 'http://a:1' }, 'http://b:2'],
    [{ TONY_MCP_URL: 'http://c:3', MCP_URL: 'http://b:2' }, 'http://c:3'],
    [{ TONY_MCP_SERVER_URL: 'http://d:4/mcp', TONY_MCP_URL: 'http://c:3' }, 'http://d:4'],
  ])('by the environment %o', (environment, url) => {
    Object.assign(process.env, environment)
    try {
      expect(resolveServerOptions({}).url).toBe(url)
      expect(resolveServerOptions({ url: 'http://given:5' }).url).toBe('http://given:5')
    } finally {
      for (const key of Object.keys(environment)) delete process.env[key]
    }
  })

  test('with its token, project and timeout', () => {
    const environment = { TONY_TOKEN: 'tck_x', TONY_MCP_PROJECT: 'p', TONY_MCP_TIMEOUT: '5000' }
    Object.assign(process.env, environment)
    try {
      expect(resolveServerOptions({})).toMatchObject({ token: 'tck_x', project: 'p', timeout: 5_000 })
    } finally {
      for (const key of Object.keys(environment)) delete process.env[key]
    }
    expect(resolveServerOptions({ timeout: Number.NaN }).timeout).toBe(30_000)
  })
})
