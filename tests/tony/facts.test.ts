import { EventEmitter } from 'node:events'
import * as facade from '@tony/mcp-client/tony'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { messageOf, Tony } from './given.ts'

/** The API that a program of Tony 2.8 uses, from its documents and its test script. */
const methods = {
  tonyMCP: [
    'initialize',
    'isInitialized',
    'getRegistration',
    'deployAgent',
    'assignTask',
    'broadcastCoordination',
    'getAgentStatus',
    'getAgentStatuses',
    'shutdown',
    'on',
    'once',
    'off',
    'emit',
  ],
  minimalMCPServer: [
    'registerAgent',
    'unregisterAgent',
    'routeRequest',
    'getAgentStatus',
    'getHealthStatus',
    'getActiveAgents',
    'broadcastMessage',
    'broadcast',
    'connect',
    'disconnect',
    'on',
    'emit',
  ],
} as const

const isText = (value: unknown): boolean => typeof value === 'string' && value.length > 0
const isNumber = (value: unknown): boolean => typeof value === 'number'
const isDate = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value))
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

const fields: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  AgentRegistration: {
    agentId: isText,
    token: isText,
    name: isText,
    type: isText,
    registeredAt: isDate,
    expiresAt: isDate,
  },
  AgentStatus: {
    agentId: isText,
    name: isText,
    type: isText,
    state: isText,
    lastActivity: isDate,
    metrics: isObject,
    'metrics.requestsHandled': isNumber,
    'metrics.avgResponseTime': isNumber,
    'metrics.errorRate': isNumber,
  },
  AgentInfo: {
    id: isText,
    agentId: isText,
    name: isText,
    type: isText,
    status: isText,
    capabilities: isTexts,
    registeredAt: isDate,
    lastActivity: isDate,
    metadata: isObject,
  },
  HealthStatus: {
    status: isText,
    version: isText,
    'agents.total': isNumber,
    'agents.active': isNumber,
    'agents.idle': isNumber,
    uptime: isNumber,
    timestamp: isDate,
    metrics: isObject,
  },
  MCPResponse: { id: isText, success: (value) => value === true, result: isObject },
}

/** Returns the value at `a.b` of an object. */
const at = (object: unknown, path: string): unknown =>
  path.split('.').reduce((value: unknown, key) => Reflect.get(Object(value), key), object)

let server: TestServer
let tony: Tony
const shapes: Record<string, unknown> = {}

beforeAll(async () => {
  server = await TestServer.start()
  tony = new Tony(server)
  await tony.mcp.initialize()
  const { agentId } = await tony.mcp.deployAgent('qa')
  const [info] = await tony.server.getActiveAgents()
  shapes['AgentRegistration'] = tony.mcp.getRegistration()
  shapes['AgentStatus'] = await tony.mcp.getAgentStatus(agentId)
  shapes['AgentInfo'] = info
  shapes['HealthStatus'] = await tony.server.getHealthStatus()
  shapes['MCPResponse'] = await tony.server.routeRequest({ method: 'test.run', params: {} })
})

afterAll(async () => {
  await tony[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

describe('the API of Tony 2.8 exists:', () => {
  test.each(methods.tonyMCP)('tonyMCP.%s', (method) => {
    expect(Reflect.get(facade.tonyMCP, method)).toBeTypeOf('function')
  })

  test.each(methods.minimalMCPServer)('minimalMCPServer.%s', (method) => {
    expect(Reflect.get(facade.minimalMCPServer, method)).toBeTypeOf('function')
  })

  test('initializeTonyMCP, and two objects that emit events', () => {
    expect(facade.initializeTonyMCP).toBeTypeOf('function')
    expect(facade.tonyMCP).toBeInstanceOf(EventEmitter)
    expect(facade.minimalMCPServer).toBeInstanceOf(EventEmitter)
    expect(facade.minimalMCPServer).toBeInstanceOf(facade.MCPNetworkClient)
  })

  const rows = Object.entries(fields).flatMap(([shape, of]) => Object.keys(of).map((field) => [shape, field] as const))
  test.each(rows)('%s.%s', (shape, field) => {
    expect(fields[shape]?.[field]?.(at(shapes[shape], field)), JSON.stringify(at(shapes[shape], field))).toBe(true)
  })

  test('AgentStatus has no status and AgentInfo no state', () => {
    expect(shapes['AgentStatus']).not.toHaveProperty('status')
    expect(shapes['AgentInfo']).not.toHaveProperty('state')
  })
})

describe('each type of agent is deployed with its capabilities:', () => {
  test.each([
    ['implementation', 'developer', ['code.write', 'code.review', 'test.write', 'refactor.apply']],
    ['qa', 'tester', ['test.run', 'test.validate', 'quality.check', 'coverage.analyze']],
    ['security', 'tester', ['security.scan', 'vulnerability.check', 'compliance.verify']],
    ['documentation', 'developer', ['docs.write', 'api.document', 'readme.update']],
    [
      'tech-lead',
      'tech-lead',
      ['project.coordinate', 'agent.deploy', 'task.decompose', 'context.manage', 'upp.planning'],
    ],
    ['qa-agent', 'tester', ['test.run', 'test.validate', 'quality.check', 'coverage.analyze']],
    [
      'tech-lead-tony',
      'tech-lead',
      ['project.coordinate', 'agent.deploy', 'task.decompose', 'context.manage', 'upp.planning'],
    ],
    ['sculptor', 'observer', []],
  ])('%s', async (type, role, capabilities) => {
    const { agentId } = await tony.mcp.deployAgent(type)
    expect(await server.connect().agents.get({ agent: agentId })).toMatchObject({ type, role, capabilities })
  })
})

describe('an error has the text of 2.8:', () => {
  const fresh = () => new facade.TonyMCPIntegration(tony.server)
  const before: readonly (readonly [string, (mcp: facade.TonyMCPIntegration) => Promise<unknown>])[] = [
    ['deployAgent', (mcp) => mcp.deployAgent('qa')],
    ['assignTask', (mcp) => mcp.assignTask('x', {})],
    ['broadcastCoordination', (mcp) => mcp.broadcastCoordination({})],
    ['getAgentStatus', (mcp) => mcp.getAgentStatus('x')],
    ['getAgentStatuses', (mcp) => mcp.getAgentStatuses()],
  ]
  test.each(before)('%s before initialize', async (_, call) => {
    expect(await messageOf(call(fresh()))).toBe('Tony MCP integration not initialized')
  })

  const unknown: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['assignTask', () => tony.mcp.assignTask('nobody', { test: true })],
    ['tonyMCP.getAgentStatus', () => tony.mcp.getAgentStatus('nobody')],
    ['minimalMCPServer.getAgentStatus', () => tony.server.getAgentStatus('nobody')],
    ['routeRequest', () => tony.server.routeRequest({ method: 'test.run', agentId: 'nobody' })],
    ['unregisterAgent', () => tony.server.unregisterAgent('nobody')],
    ['broadcastMessage to one', () => tony.server.broadcastMessage({ to: 'nobody', content: 1 })],
  ]
  test.each(unknown)('%s for an unknown agent', async (_, call) => {
    expect(await messageOf(call())).toBe('Agent nobody not found')
  })

  test('a method that no agent has', async () => {
    expect(await messageOf(tony.server.routeRequest({ method: 'paint.wall', params: {} }))).toBe(
      'No agents available for method: paint.wall',
    )
  })

  test('a missing server', async () => {
    const stopped = await TestServer.start()
    await stopped[Symbol.asyncDispose]()
    const { port } = new URL(stopped.url)
    const words = [
      'Tony 2.8.0 requires MCP (Model Context Protocol) server.',
      `Please ensure MCP server is running on port ${port}.`,
      'Run: npm run mcp:start',
    ].join('\n')
    const missing = new Tony(stopped, { timeout: 200 })
    expect(await messageOf(missing.mcp.initialize())).toBe(words)
    expect(missing.mcp.isInitialized()).toBe(false)
    expect(await messageOf(missing.server.connect())).toBe(words)
    expect(await messageOf(new facade.MCPNetworkClient({ timeout: 200 }).connect(stopped.url))).toBe(words)
    await missing[Symbol.asyncDispose]()
  })
})
