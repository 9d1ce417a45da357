import {
  createMemoryInstallations,
  loadPlugin,
  PluginMigrationHelper,
  runPlugin,
  type TonyPlugin,
} from '@tony/mcp-client/plugin'
import { describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { quiet, run } from './given.ts'

const files = ['settings.mjs', 'greeter.cjs', 'counter.mjs', 'report.mjs', 'orchestrator.mjs'] as const

const load = (file: (typeof files)[number]): Promise<TonyPlugin> =>
  loadPlugin(new URL(`legacy/${file}`, import.meta.url))

/** Runs a plugin through the migration helper, as an author who moves from 2.7 does. */
const migrated = async (
  server: TestServer,
  file: (typeof files)[number],
  installations = createMemoryInstallations(),
) => run(server, PluginMigrationHelper.migrateLegacyPlugin(await load(file)), { installations })

const execute = (server: TestServer, target: string, params?: unknown) =>
  server.connect().requests.route({ method: 'plugin.execute', target, params })

/** Returns the own properties of an object as text, functions by their source. */
const fingerprint = (plugin: TonyPlugin): string =>
  JSON.stringify(
    Reflect.ownKeys(plugin)
      .map(String)
      .toSorted()
      .map((key) => [key, String(Reflect.get(plugin, key))]),
  )

describe('a plugin of 2.6 or 2.7 runs unchanged:', () => {
  test('a plugin of data alone, which replies to nothing and is found', async () => {
    await using server = await TestServer.start()
    const running = await migrated(server, 'settings.mjs')
    expect(await server.connect().agents.get({ agent: 'settings' })).toMatchObject({
      capabilities: [],
      metadata: { legacy: true, plugin: { version: '2.1.0', description: 'Settings of the house, read by others' } },
    })
    expect(await execute(server, 'settings')).toMatchObject({
      error: { code: 'METHOD_NOT_FOUND', message: 'plugin "settings" has no method plugin.execute' },
    })
    await running.stop()
  })

  test('a plugin with execute alone: plugin.execute reaches execute(context) with its params', async () => {
    await using server = await TestServer.start()
    const running = await migrated(server, 'greeter.cjs')
    const lead = server.connect()
    const result = { greeting: 'Hello Ada', version: '2.8.0', plugin: 'greeter' }
    expect(await lead.requests.route({ method: 'plugin.execute', params: { who: 'Ada' } })).toMatchObject({ result })
    expect(await lead.requests.route({ method: 'greeter.execute', params: { who: 'Ada' } })).toMatchObject({ result })
    expect(await execute(server, 'greeter', { who: 'Ada' })).toMatchObject({ ok: true, result })
    expect(await execute(server, 'greeter')).toMatchObject({
      ok: false,
      error: { code: 'HANDLER_FAILED', message: 'nobody to greet' },
    })
    await running.stop()
  })

  test('a plugin with state and private fields: it continues with its state', async () => {
    await using server = await TestServer.start()
    const installations = createMemoryInstallations()
    const first = await migrated(server, 'counter.mjs', installations)
    await execute(server, 'counter')
    expect((await execute(server, 'counter')).result).toMatchObject({ count: 2, hooks: ['install', 'activate'] })
    await first.stop()
    const plugin = await load('counter.mjs')
    plugin.setState?.({ count: 100 })
    const second = await migrated(server, 'counter.mjs', installations)
    expect(second.agentId).toBe(first.agentId)
    expect((await execute(server, 'counter')).result).toMatchObject({
      count: 3,
      hooks: ['install', 'activate', 'deactivate', 'activate'],
    })
    await second.stop({ uninstall: true })
    expect(plugin).toMatchObject({
      hooks: ['install', 'activate', 'deactivate', 'activate', 'deactivate', 'uninstall'],
    })
  })

  test('a plugin with dependencies: they are found in the fleet, and getDependency returns them', async () => {
    await using server = await TestServer.start()
    const installations = createMemoryInstallations()
    await expect(migrated(server, 'report.mjs', installations)).rejects.toThrow(
      'plugin "report" has unmet dependencies: "greeter" ^1.0.0 is not installed: install and run it first',
    )
    const greeter = await migrated(server, 'greeter.cjs')
    const report = await migrated(server, 'report.mjs', installations)
    expect((await execute(server, 'report', { to: 'Bob' })).result).toEqual({
      text: 'Hello Bob. All is well.',
      painted: false,
      by: '1.0.3',
    })
    await report.stop()
    await greeter.stop()
  })

  test('a plugin with dependencies in its own process: they run there', async () => {
    await using server = await TestServer.start()
    const plugins = [await load('greeter.cjs')]
    const report = await run(server, await load('report.mjs'), { plugins })
    expect((await execute(server, 'report', { to: 'Bob' })).result).toMatchObject({ text: 'Hello Bob. All is well.' })
    await report.stop()
  })

  test('a plugin that calls others: context.mcp.routeRequest reaches the named one', async () => {
    await using server = await TestServer.start()
    const running = await Promise.all([
      migrated(server, 'greeter.cjs'),
      migrated(server, 'counter.mjs'),
      migrated(server, 'orchestrator.mjs'),
    ])
    const steps = [{ plugin: 'greeter', params: { who: 'Eve' } }, { plugin: 'counter' }, { plugin: 'greeter' }]
    expect((await execute(server, 'orchestrator', { steps })).result).toMatchObject({
      results: [
        { plugin: 'greeter', greeting: 'Hello Eve' },
        { plugin: 'counter', count: expect.any(Number) },
        { plugin: 'greeter', failed: 'nobody to greet' },
      ],
      seen: ['loadState', 'greeter', 'counter', 'greeter'],
      agents: ['counter:idle', 'greeter:idle', 'orchestrator:idle'],
    })
    expect((await execute(server, 'orchestrator', { steps: [{ plugin: 'absent' }] })).error).toEqual({
      code: 'HANDLER_FAILED',
      message: 'Agent absent not found',
    })
    await Promise.all(running.map((plugin) => plugin.stop()))
  })
})

test('wrapping does not change a plugin', async () => {
  for (const file of files) {
    const plugin = await load(file)
    const before = fingerprint(plugin)
    const wrapped = PluginMigrationHelper.migrateLegacyPlugin(plugin)
    expect(fingerprint(plugin), file).toBe(before)
    expect(wrapped).toMatchObject({ name: plugin.name, version: plugin.version })
    expect(PluginMigrationHelper.migrateLegacyPlugin(wrapped)).toBe(wrapped)
  }
})

test('a wrapper without a host works with the server of its registration', async () => {
  await using server = await TestServer.start()
  const host = await run(server, { name: 'host', version: '1.0.0' })
  const wrapped = PluginMigrationHelper.migrateLegacyPlugin(await load('greeter.cjs'))
  const request = { method: 'plugin.execute', params: { who: 'Ada' } }
  expect(await wrapped.handleMCPRequest(request)).toMatchObject({ success: false, error: { code: 'NOT_REGISTERED' } })
  await wrapped.registerWithMCP(host.mcp)
  expect(await wrapped.handleMCPRequest(request)).toMatchObject({ success: true, result: { greeting: 'Hello Ada' } })
  await host.stop()
})

test('a plugin without a wrapper is wrapped when it runs', async () => {
  await using server = await TestServer.start()
  const options = { url: server.url, installations: createMemoryInstallations(), logger: quiet().logger }
  const running = await runPlugin(await load('greeter.cjs'), options)
  expect(await execute(server, 'greeter', { who: 'Ada' })).toMatchObject({ ok: true })
  await running.stop()
})
