import type { TonyMCPIntegration } from '@tony/mcp-client/tony'
import { describe, expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import { signal } from '../client/agents.ts'
import { TestServer } from '../support/server.ts'
import { messageOf, Tony } from './given.ts'

/** Records the events of an object in order. */
function heard(tony: TonyMCPIntegration): unknown[][] {
  const events: unknown[][] = []
  for (const name of ['initialized', 'agentDeployed', 'taskAssigned', 'healthUpdate', 'error', 'shutdown'])
    tony.on(name, (...given: unknown[]) => events.push([name, ...given]))
  return events
}

test('the events of a run have their data', async () => {
  await using server = await TestServer.start()
  const tony = new Tony(server)
  const events = heard(tony.mcp)
  expect(tony.mcp.getRegistration()).toBeNull()
  await tony.mcp.initialize()
  await tony.mcp.initialize()
  expect(tony.mcp.isInitialized()).toBe(true)
  const registration = await tony.mcp.deployAgent('qa')
  const task = { type: 'test', description: 'all of it' }
  await tony.mcp.assignTask(registration.agentId, task)
  const initial = tony.mcp.getRegistration()
  await tony.mcp.shutdown()
  expect(events).toEqual([
    ['initialized', initial],
    ['agentDeployed', { type: 'qa', registration }],
    ['taskAssigned', { agentId: registration.agentId, task }],
    ['shutdown'],
  ])
  expect([tony.mcp.isInitialized(), tony.mcp.getRegistration()]).toEqual([false, null])
  expect(await messageOf(tony.mcp.deployAgent('qa'))).toBe('Tony MCP integration not initialized')
  expect((await server.connect().agents.list({})).agents).toEqual([])
})

test('health is emitted at intervals, and its errors too', async () => {
  const server = await TestServer.start()
  const tony = new Tony(server, { timeout: 100 }, 20)
  const [health, failed] = [signal<unknown>(), signal<unknown>()]
  tony.mcp.on('healthUpdate', health.tell)
  await tony.mcp.initialize()
  expect(await health.told).toMatchObject({ status: 'healthy', agents: { total: 1, idle: 1, active: 0 } })
  await server[Symbol.asyncDispose]()
  tony.mcp.on('error', failed.tell)
  expect(String(await failed.told)).toContain('Tony 2.8.0 requires MCP')
  await tony.mcp.shutdown()
})

describe('a task of 2.8 keeps every key:', () => {
  const tasks = [
    { type: 'implementation', epic: 'E.001', story: 'S.001.01.01', description: 'a wall', priority: 'high' },
    { type: 'execute', command: 'npm test' },
    { type: 'code.write', description: 'a door', priority: 'medium' },
    { test: true },
    { type: 7, epic: '', title: ['no'], priority: 'soon', id: 'T.001.01.undefined.01', status: 'in-progress' },
    {
      description: 'a window',
      priority: 'URGENT',
      metadata: { room: 5 },
      dependencies: [{ kind: '->' }],
      result: null,
    },
    {
      priority: 'none',
      requires: 'paint',
      assignedTo: 'me',
      locks: 3,
      dependsOn: 'x',
      notBefore: 'soon',
      parentId: 'P',
    },
    { metadata: 'none', description: 'x'.repeat(70_000) },
    {},
  ]

  test.each(tasks.map((task) => [JSON.stringify(task).slice(0, 80), task] as const))('%s', async (_, task) => {
    await using server = await TestServer.start()
    await using tony = new Tony(server)
    await tony.mcp.initialize()
    const { agentId } = await tony.mcp.deployAgent('implementation')
    const { success, result } = await tony.mcp.assignTask(agentId, Object.fromEntries(Object.entries(task)))
    expect([success, result.task, result.agentId]).toEqual([true, task, agentId])
    const stored = await server.connect().tasks.get({ taskId: result.taskId })
    expect(stored).toMatchObject({ assignedTo: agentId, status: 'pending' })
    for (const [key, value] of Object.entries(task)) {
      if (key === 'priority') continue
      const places = [Reflect.get(stored, key), stored.metadata[key]]
      if (key === 'metadata' && typeof value === 'object') expect(stored.metadata).toMatchObject(value)
      else expect(places, key).toContainEqual(value)
    }
  })

  test.each([
    ['critical', 'critical'],
    ['urgent', 'critical'],
    ['URGENT', 'critical'],
    ['high', 'high'],
    ['normal', 'normal'],
    ['medium', 'normal'],
    ['low', 'low'],
    ['none', 'low'],
    ['soon', 'normal'],
  ])('priority %s is %s', async (word, stored) => {
    await using server = await TestServer.start()
    await using tony = new Tony(server)
    await tony.mcp.initialize()
    const { agentId } = await tony.mcp.deployAgent('qa')
    const { result } = await tony.mcp.assignTask(agentId, { priority: word })
    expect((await server.connect().tasks.get({ taskId: result.taskId })).priority).toBe(stored)
  })
})

test('an agent with work does its tasks and replies to its requests', async () => {
  await using server = await TestServer.start()
  await using tony = new Tony(server)
  await tony.mcp.initialize()
  const lead = server.connect()
  const { agentId } = await tony.mcp.deployAgent('implementation', {
    onTask: ({ metadata }) => ({ ran: metadata['command'] }),
    onRequest: ({ method, params }) => {
      if (method === 'code.review') throw new Error('no time')
      return { method, lines: params.lines + 1 }
    },
  })
  const { result } = await tony.mcp.assignTask(agentId, { type: 'execute', command: 'make' })
  for await (const event of lead.events.subscribe({ cursor: 'start', types: ['task.completed'] })) {
    expect(event.subject).toBe(result.taskId)
    break
  }
  expect((await lead.tasks.get({ taskId: result.taskId })).result).toEqual({ ran: 'make' })
  expect(await tony.server.routeRequest({ method: 'code.write', params: { lines: 4 }, id: 'one' })).toEqual({
    id: 'one',
    success: true,
    result: { method: 'code.write', lines: 5 },
  })
  expect(await tony.server.routeRequest({ method: 'code.review' })).toMatchObject({
    success: false,
    error: { code: 'HANDLER_FAILED', message: 'no time' },
  })
  expect((await tony.mcp.getAgentStatus(agentId)).metrics).toMatchObject({ requestsHandled: 2, errorRate: 0.5 })
})

test('a working agent is active, and its status names the task', async () => {
  await using server = await TestServer.start()
  await using tony = new Tony(server)
  await tony.mcp.initialize()
  const [begun, finish] = [signal(), signal()]
  const { agentId } = await tony.mcp.deployAgent('qa', {
    onTask: async () => {
      begun.tell()
      await finish.told
    },
  })
  expect(await tony.mcp.getAgentStatus(agentId)).toMatchObject({ name: 'qa', state: 'idle' })
  const { result } = await tony.mcp.assignTask(agentId, { type: 'test' })
  await begun.told
  expect(await tony.mcp.getAgentStatus(agentId)).toMatchObject({ state: 'active', currentTask: result.taskId })
  const statuses = await tony.mcp.getAgentStatuses()
  expect(statuses.map(({ name, state }) => [name, state])).toEqual([
    ['qa', 'active'],
    ['tony', 'idle'],
  ])
  expect((await tony.server.getHealthStatus()).agents).toEqual({ total: 2, active: 1, idle: 1 })
  finish.tell()
})

test('a coordination reaches every agent unchanged', async () => {
  await using server = await TestServer.start()
  await using tony = new Tony(server)
  const ada = await server.agent('ada')
  await tony.mcp.initialize()
  await tony.mcp.deployAgent('qa')
  const heardBy = new Promise((resolve) => tony.server.once('message', resolve))
  const coordination = {
    action: 'coordinate',
    phase: 2,
    agents: ['ada'],
    target: 'all',
    deadline: '2026-01-01T00:00:00Z',
  }
  await tony.mcp.broadcastCoordination(coordination)
  const { messages } = await ada.messages.receive({ waitMs: 5_000 })
  expect(messages).toMatchObject([
    { type: 'coordination', payload: coordination, from: tony.mcp.getRegistration()?.agentId },
  ])
  expect(await heardBy).toMatchObject({ message: { type: 'coordination', payload: coordination } })
})

test('every call works as Tony with a key that can only register', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key({ roleCeiling: 'tech-lead' })
  await using tony = new Tony(guarded.server, { token: key })
  await tony.mcp.initialize()
  const { agentId } = await tony.mcp.deployAgent('qa')
  expect((await tony.mcp.assignTask(agentId, { type: 'test' })).success).toBe(true)
  await tony.mcp.broadcastCoordination({ action: 'start' })
  expect((await tony.mcp.getAgentStatuses()).map(({ name }) => name)).toEqual(['qa', 'tony'])
  expect((await tony.server.routeRequest({ method: 'test.run' })).result).toMatchObject({ accepted: true, agentId })
  expect((await tony.server.getHealthStatus()).status).toBe('healthy')
})
