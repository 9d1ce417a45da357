import { createMemoryInstallations, definePlugin, type MCPPlugin, testPlugin } from '@tony/mcp-client/plugin'
import { expect, test } from 'vitest'
import { hooked, quiet } from './given.ts'

const { logger } = quiet()

const asking = definePlugin({
  name: 'asking',
  version: '1.0.0',
  handlers: {
    ask: async (params, { mcp }) => (await mcp.routeRequest({ method: 'code.review', params })).result,
    tell: async (content, { mcp }) => mcp.broadcastMessage({ type: 'note', content }),
    fail: () => {
      throw new Error('out of paint')
    },
    who: async (_, { mcp }) => ({
      agents: (await mcp.getActiveAgents()).map(({ name }) => name),
      state: (await mcp.getAgentStatus('asking')).state,
      total: (await mcp.getHealthStatus()).agents.total,
    }),
    stranger: async (_, { mcp }) => mcp.getAgentStatus('stranger'),
    unregister: async (_, { mcp }) => mcp.unregisterAgent('stranger'),
    targeted: async (_, { mcp }) => mcp.routeRequest({ method: 'nothing', agentId: 'stranger' }),
  },
})

test('the requests of a plugin get the replies of the test and are recorded', async () => {
  const harness = await testPlugin(asking, { logger, answers: { 'code.review': ({ file }) => `${file} is fine` } })
  expect(await harness.call('ask', { file: 'wall.ts' })).toBe('wall.ts is fine')
  await harness.call('tell', { done: true })
  expect(harness.requests).toEqual([{ method: 'code.review', params: { file: 'wall.ts' } }])
  expect(harness.messages).toEqual([{ type: 'note', content: { done: true } }])
  expect(harness.registrations).toMatchObject([{ name: 'asking', type: 'plugin' }])
  expect(await harness.call('who', null)).toEqual({ agents: ['asking'], state: 'idle', total: 1 })
})

test('a request without a reply is refused as the server refuses it', async () => {
  const harness = await testPlugin(asking, { logger, answers: { sum: () => 1 } })
  const message = 'No agents available for method: code.review'
  await expect(harness.call('ask', null)).rejects.toMatchObject({
    name: 'PluginAnswerError',
    code: 'HANDLER_FAILED',
    message,
  })
  for (const method of ['stranger', 'unregister', 'targeted'] as const)
    await expect(harness.call(method, null)).rejects.toThrow('Agent stranger not found')
  await expect(harness.call('fail', null)).rejects.toThrow('out of paint')
  expect(await harness.request({ method: 'absent' })).toMatchObject({ error: { code: 'METHOD_NOT_FOUND' } })
})

test('a reply that throws is a reply with an error', async () => {
  const harness = await testPlugin(
    definePlugin({
      name: 'asking',
      version: '1.0.0',
      handlers: { ask: (_, { mcp }) => mcp.routeRequest({ method: 'sum' }) },
    }),
    {
      logger,
      answers: {
        sum: () => {
          throw new Error('too large')
        },
      },
    },
  )
  expect(await harness.call('ask', null)).toMatchObject({ success: false, error: { message: 'too large' } })
})

test('two harnesses on the same installations simulate a restart', async () => {
  const { plugin, seen } = hooked('kept')
  const installations = createMemoryInstallations()
  await (await testPlugin(plugin, { logger, installations })).stop()
  await (await testPlugin(plugin, { logger, installations })).stop({ uninstall: true })
  await testPlugin(plugin, { logger, installations })
  expect(seen).toEqual([
    ...['onInstall', 'onActivate', 'onDeactivate'],
    ...['onActivate', 'onDeactivate', 'onUninstall'],
    ...['onInstall', 'onActivate'],
  ])
})

test('a plugin object without definePlugin runs unchanged', async () => {
  const plugin: MCPPlugin = {
    name: 'by-hand',
    version: '1.0.0',
    registerWithMCP: () => undefined,
    handleMCPRequest: ({ method, params }) =>
      method === 'echo' ? { success: true, result: params } : { success: false },
    getMCPCapabilities: () => ['echo'],
  }
  const harness = await testPlugin(plugin, { logger })
  expect(await harness.call('echo', [1])).toEqual([1])
  await expect(harness.call('other', null)).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
})
