import { definePlugin, testPlugin } from '@tony/mcp-client/plugin'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { TestServer } from '../support/server.ts'
import { quiet, run } from './given.ts'

const { logger } = quiet()

interface Shouting {
  'text.shout': { params: { text: string }; result: { text: string } }
  'text.count': { params: string; result: number }
}

const shouting = () =>
  definePlugin<Shouting>({
    name: 'shouting',
    version: '1.2.0',
    description: 'says it louder',
    capabilities: ['loud'],
    inputs: { 'text.shout': z.object({ text: z.string() }).parse },
    handlers: {
      'text.shout': ({ text }) => ({ text: text.toUpperCase() }),
      'text.count': async (text) => text.length,
    },
  })

test('a defined plugin answers its methods, and is found by capability or by name', async () => {
  await using server = await TestServer.start()
  const running = await run(server, shouting())
  const lead = server.connect()
  expect(await lead.agents.get({ agent: 'shouting' })).toMatchObject({
    id: running.agentId,
    type: 'plugin',
    role: 'developer',
    capabilities: ['text.shout', 'text.count', 'loud'],
    metadata: { plugin: { name: 'shouting', version: '1.2.0', description: 'says it louder' } },
  })
  expect(await lead.requests.route({ method: 'text.shout', params: { text: 'hey' } })).toMatchObject({
    ok: true,
    result: { text: 'HEY' },
  })
  expect(await lead.requests.route({ method: 'text.count', params: 'four', target: 'shouting' })).toMatchObject({
    result: 4,
  })
  await running.stop()
})

test('wrong params and unknown methods are answered with errors that name them', async () => {
  await using server = await TestServer.start()
  const running = await run(server, shouting())
  const lead = server.connect()
  const ask = (method: string, params?: unknown) => lead.requests.route({ method, params, target: 'shouting' })
  expect(await ask('text.shout', { text: 5 })).toMatchObject({ ok: false, error: { code: 'INVALID_PARAMS' } })
  expect(await ask('text.shout')).toMatchObject({ ok: false, error: { code: 'INVALID_PARAMS' } })
  for (const method of ['text.whisper', 'toString', '__proto__'])
    expect(await ask(method)).toMatchObject({
      error: { code: 'METHOD_NOT_FOUND', message: `plugin "shouting" has no method ${method}` },
    })
  expect(await ask('text.count')).toMatchObject({ error: { code: 'HANDLER_FAILED' } })
  await running.stop()
})

test('a handler sends requests as the plugin, and gets the name of its caller', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  const asking = definePlugin({
    name: 'asking',
    version: '1.0.0',
    handlers: {
      relay: async (text, { mcp, request }) => {
        const { result } = await mcp.routeRequest({ method: 'text.count', params: text })
        const nobody = await mcp.routeRequest({ method: 'paint' }).catch((error: Error) => error.message)
        const { status } = await mcp.getHealthStatus()
        return { result, nobody, status, from: request.from, self: (await mcp.getAgentStatus('asking')).name }
      },
    },
  })
  const plugins = [await run(server, shouting()), await run(server, asking)]
  expect((await ada.requests.route({ method: 'relay', params: 'seven77' })).result).toEqual({
    result: 7,
    nobody: 'No agents available for method: paint',
    status: 'healthy',
    from: ada.id,
    self: 'asking',
  })
  await Promise.all(plugins.map((plugin) => plugin.stop()))
})

test('a plugin behaves the same in the harness, without a server', async () => {
  const harness = await testPlugin(shouting(), { logger })
  expect(harness.capabilities).toEqual(['text.shout', 'text.count', 'loud'])
  expect(await harness.call('text.shout', { text: 'hey' })).toEqual({ text: 'HEY' })
  expect(await harness.request({ method: 'text.shout', params: 5 })).toMatchObject({
    error: { code: 'INVALID_PARAMS' },
  })
  await expect(harness.call('text.count', JSON.parse('null'))).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
  await harness.stop()
})

test('a plugin without a registration reports that', async () => {
  expect(await shouting().handleMCPRequest({ method: 'text.count', params: 'x' })).toMatchObject({
    error: { code: 'NOT_REGISTERED' },
  })
})
