import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createFileInstallations,
  createMemoryInstallations,
  definePlugin,
  type MCPPlugin,
} from '@tony/mcp-client/plugin'
import { afterAll, expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import { signal } from '../client/agents.ts'
import { TestServer } from '../support/server.ts'
import { hooked, quiet, run } from './given.ts'

const folder = mkdtempSync(join(tmpdir(), 'tony-plugins-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('hooks run in order, onInstall once and onUninstall only on request', async () => {
  await using server = await TestServer.start()
  const { plugin, seen } = hooked()
  const installations = createFileInstallations(join(folder, 'in order'))
  const first = await run(server, plugin, { installations })
  expect(seen).toEqual(['onInstall', 'onActivate'])
  await first.stop()
  const second = await run(server, plugin, { installations })
  expect(second.agentId).toBe(first.agentId)
  await second.stop({ uninstall: true })
  await second.stop()
  const third = await run(server, plugin, { installations })
  await third.stop()
  expect(seen).toEqual([
    ...['onInstall', 'onActivate', 'onDeactivate'],
    ...['onActivate', 'onDeactivate', 'onUninstall'],
    ...['onInstall', 'onActivate', 'onDeactivate'],
  ])
  expect(third.agentId).toBe(first.agentId)
})

test('an installation is one file that only its owner may read', async () => {
  const at = join(folder, 'one file')
  const installations = createFileInstallations(at)
  expect(await installations.read('../a b')).toBeUndefined()
  const kept = { clientInstanceId: 'secret', version: '1.0.0', installedAt: null, state: { count: 1 } }
  await installations.write('../a b', kept)
  expect(await installations.read('../a b')).toEqual(kept)
  const files = readdirSync(at)
  expect(files).toEqual(['%2E%2E%2Fa%20b.json'])
  expect(statSync(join(at, files[0] ?? '')).mode & 0o777).toBe(0o600)
  writeFileSync(join(at, 'broken.json'), '{"version":1}')
  await expect(installations.read('broken')).rejects.toThrow('is not an installation of a plugin')
})

test('a plugin gets no request before it is active and none after its stop, and finishes the running ones', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const [started, go, asked, finish] = [signal(), signal(), signal(), signal()]
  const said: string[] = []
  const plugin = definePlugin({
    name: 'slow',
    version: '1.0.0',
    onActivate: async () => {
      started.tell()
      await go.told
    },
    onDeactivate: () => void said.push('deactivated'),
    handlers: {
      wait: async () => {
        asked.tell()
        await finish.told
        said.push('handled')
        return 'at last'
      },
    },
  })
  const starting = run(server, plugin)
  await started.told
  expect((await lead.agents.get({ agent: 'slow' })).capabilities).toEqual([])
  go.tell()
  const running = await starting
  expect((await lead.agents.get({ agent: 'slow' })).capabilities).toEqual(['wait'])
  const answer = lead.requests.route({ method: 'wait' })
  await asked.told
  const stopping = running.stop()
  while ((await lead.agents.get({ agent: 'slow' })).capabilities.length > 0) await lead.system.info()
  await expect(lead.requests.route({ method: 'wait' })).rejects.toThrow('No agents available for method: wait')
  finish.tell()
  await stopping
  expect((await answer).result).toBe('at last')
  expect(said).toEqual(['handled', 'deactivated'])
})

test('an error of onInstall or onActivate is thrown, the agent is unregistered, and onInstall is tried again', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const installations = createMemoryInstallations()
  let [installs, broken] = [0, true]
  const plugin = definePlugin({
    name: 'fragile',
    version: '1.0.0',
    onInstall: () => {
      installs += 1
      if (installs === 1) throw new Error('no room to install')
    },
    onActivate: () => {
      if (broken) throw new Error('not today')
    },
    handlers: {},
  })
  await expect(run(server, plugin, { installations })).rejects.toThrow('no room to install')
  await expect(run(server, plugin, { installations })).rejects.toThrow('not today')
  expect((await lead.agents.list({})).agents).toEqual([])
  broken = false
  const running = await run(server, plugin, { installations })
  expect(installs).toBe(2)
  await running.stop()
})

test('an error of onDeactivate is logged, one of onUninstall is thrown, and the plugin has stopped in both cases', async () => {
  await using server = await TestServer.start()
  const { logger, said } = quiet()
  const failing = (name: string) => () => {
    throw new Error(name)
  }
  const { plugin } = hooked('failing', {
    getState: failing('getState'),
    saveState: failing('saveState'),
    onDeactivate: failing('onDeactivate'),
    onUninstall: failing('onUninstall'),
  })
  const running = await run(server, plugin, { logger })
  await expect(running.stop({ uninstall: true })).rejects.toThrow('onUninstall')
  await running.stopped
  expect(said.map(([text]) => text)).toEqual(['getState failed', 'saveState failed', 'onDeactivate failed'])
  expect((await server.connect().agents.list({})).agents).toEqual([])
})

test('a second run of a plugin notifies the first one, which deactivates', async () => {
  await using server = await TestServer.start()
  const [{ plugin, seen }, other] = [hooked('twice'), hooked('twice')]
  const installations = createMemoryInstallations()
  const first = await run(server, plugin, { installations })
  const second = await run(server, other.plugin, { installations })
  await first.stopped
  expect([seen, other.seen]).toEqual([['onInstall', 'onActivate', 'onDeactivate'], ['onActivate']])
  await second.stop()
  await second.stopped
})

test('a plugin reports its work as its health', async () => {
  await using server = await TestServer.start()
  const plugin = definePlugin({
    name: 'busy',
    version: '1.0.0',
    handlers: {
      work: (params) => {
        if (params === 'fail') throw new Error('failed')
        return params
      },
    },
  })
  const running = await run(server, plugin)
  const lead = server.connect()
  for (const params of ['a', 'b', 'fail', 'c']) await lead.requests.route({ method: 'work', params })
  await running.stop()
  const { samples } = await lead.health.history({ agent: 'busy' })
  expect(samples.find(({ requestsHandled }) => requestsHandled !== null)).toMatchObject({
    requestsHandled: 4,
    errorRate: 0.25,
  })
})

test('a plugin registers with its description, and does not unregister itself', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await server.agent('ada')
  const seen: unknown[] = []
  const plugin: MCPPlugin = {
    name: 'own',
    version: '1.0.0',
    registerWithMCP: async (mcp) => {
      const registration = await mcp.registerAgent({
        name: 'own',
        type: 'qa',
        capabilities: ['b'],
        metadata: { room: 5 },
      })
      seen.push(registration.agentId, registration.token.length > 20, registration.capabilities)
      seen.push(await mcp.unregisterAgent('own').catch((error: Error) => error.message))
      seen.push(await mcp.unregisterAgent('ada').catch((error: Error) => error.message))
      await mcp.broadcastMessage({ type: 'note', content: 'here I am', priority: 'urgent' })
    },
    handleMCPRequest: () => ({ success: true, result: 1 }),
    getMCPCapabilities: () => ['a'],
  }
  const running = await run(server, plugin)
  expect(seen.slice(0, 3)).toEqual([running.agentId, true, ['b']])
  expect(seen[3]).toContain('a plugin does not unregister itself')
  expect(seen[4]).toContain('tech-lead')
  expect(await lead.agents.get({ agent: 'own' })).toMatchObject({
    type: 'qa',
    capabilities: ['a', 'b'],
    metadata: { room: 5, plugin: { name: 'own' } },
  })
  const { messages } = await lead.messages.list({ agent: 'ada' })
  expect(messages).toMatchObject([{ type: 'note', payload: 'here I am', priority: 'critical', from: running.agentId }])
  await running.stop()
})

test('a handler that never ends is abandoned after the drain time', async () => {
  await using server = await TestServer.start()
  const [asked, never] = [signal(), signal()]
  const plugin = definePlugin({
    name: 'endless',
    version: '1.0.0',
    handlers: {
      wait: async () => {
        asked.tell()
        await never.told
      },
    },
  })
  const running = await run(server, plugin, { drainMs: 50 })
  const answer = server.connect().requests.route({ method: 'wait', timeoutMs: 60_000 })
  answer.catch(() => undefined)
  await asked.told
  const begun = performance.now()
  await running.stop()
  expect(performance.now() - begun).toBeLessThan(10_000)
})

test('a name of another installation is refused with an explanation', async () => {
  await using server = await TestServer.start()
  await server.agent('hooked')
  const { plugin, seen } = hooked()
  await expect(run(server, plugin)).rejects.toMatchObject({
    code: 'AGENT_NAME_TAKEN',
    message: expect.stringContaining('the agent "hooked" belongs to another installation'),
  })
  expect(seen).toEqual([])
})

test('a plugin with an enrolment token runs as without one', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key({ roleCeiling: 'developer', maxUses: 1 })
  const { plugin, seen } = hooked('enrolled')
  const options = { token: key, installations: createMemoryInstallations() }
  for (const _ of ['once', 'again']) {
    const running = await run(guarded.server, plugin, options)
    const asked = { method: 'plugin.execute', target: 'enrolled' }
    expect(await guarded.admin.requests.route(asked)).toMatchObject({ ok: true, result: 'done' })
    await running.stop()
  }
  expect(seen).toEqual(['onInstall', 'onActivate', 'onDeactivate', 'onActivate', 'onDeactivate'])
})

test('a plugin continues to reply after a restart of the server', async () => {
  const first = await TestServer.start()
  const { plugin } = hooked('lasting')
  const running = await run(first, plugin)
  await first.stop()
  await using second = await TestServer.start({
    folder: first.folder,
    config: { port: Number(new URL(first.url).port) },
  })
  const asked = { method: 'plugin.execute', target: 'lasting' }
  expect(await second.connect().requests.route(asked)).toMatchObject({ ok: true, result: 'done' })
  await running.stop()
})

test('a plugin without a server gets the next step', async () => {
  const { plugin } = hooked()
  const starting = run(await stoppedServer(), plugin, { timeout: 200 })
  await expect(starting).rejects.toThrow('Tony 2.8.0 requires MCP (Model Context Protocol) server.')
})

async function stoppedServer(): Promise<TestServer> {
  const server = await TestServer.start()
  await server[Symbol.asyncDispose]()
  return server
}
