import { createMemoryInstallations, PluginError, type TonyPlugin, testPlugin } from '@tony/mcp-client/plugin'
import { describe, expect, test } from 'vitest'
import { hooked, quiet } from './given.ts'

const { logger } = quiet()
const base = { name: 'planner', version: '1.0.0' }

/** Returns the reason why a plugin is not started. */
async function refused(plugin: unknown, options: Parameters<typeof testPlugin>[1] = {}): Promise<string> {
  const given: TonyPlugin = Object.assign(Object.create(null), plugin)
  const error: unknown = await testPlugin(given, { logger, ...options }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof PluginError)) throw new Error(`expected a PluginError, got ${String(error)}`)
  return `${error.code}: ${error.message}`
}

describe('an invalid plugin is refused with the fault:', () => {
  test.each([
    [{ version: '1.0.0' }, 'PLUGIN_INVALID: a plugin is an object with a name and a version, both strings'],
    [{ name: '', version: '1.0.0' }, 'PLUGIN_INVALID: a plugin is an object with a name and a version, both strings'],
    [{ name: 'planner', version: '1' }, 'PLUGIN_INVALID: plugin "planner": its version "1" is not of the form 1.2.3'],
    [
      { ...base, minTonyVersion: '2.8' },
      'PLUGIN_INVALID: plugin "planner": its minTonyVersion "2.8" is not of the form 1.2.3',
    ],
    [
      { ...base, dependencies: [{ name: 'tools', version: 'newest' }] },
      'PLUGIN_INVALID: plugin "planner": the version "newest" of its dependency "tools" is no range',
    ],
  ])('%o', async (plugin, message) => {
    expect(await refused(plugin)).toBe(message)
  })
})

describe('a plugin that does not fit names its requirements:', () => {
  test('a newer Tony', async () => {
    expect(await refused({ ...base, minTonyVersion: '3.0.0' })).toBe(
      'PLUGIN_VERSION: plugin "planner" needs Tony 3.0.0 or newer, this is 2.8.0: update Tony, or take an older version of the plugin',
    )
  })

  test('an older Tony', async () => {
    expect(await refused({ ...base, maxTonyVersion: '2.7.9' })).toBe(
      'PLUGIN_VERSION: plugin "planner" runs on Tony up to 2.7.9, this is 2.8.0: take a newer version of the plugin',
    )
  })

  test('a resource of the machine', async () => {
    const plugin = { ...base, requiredCapabilities: ['file-system', 'git'] }
    expect(await refused(plugin, { allowedCapabilities: ['git'] })).toBe(
      'PLUGIN_CAPABILITY: plugin "planner" requires file-system, which allowedCapabilities does not contain',
    )
  })

  test('other plugins, all of them in one message', async () => {
    const dependencies = [
      { name: 'tools', version: '^2.0.0' },
      { name: 'paint', version: '^1.0.0' },
      { name: 'sugar', version: '^1.0.0', optional: true },
    ]
    expect(await refused({ ...base, dependencies }, { remotePlugins: { tools: '1.4.0' } })).toBe(
      'PLUGIN_DEPENDENCY: plugin "planner" has unmet dependencies: "tools" ^2.0.0 is installed as 1.4.0; "paint" ^1.0.0 is not installed: install and run it first',
    )
  })

  test('an optional plugin in an accepted version, if it is present', async () => {
    const dependencies = [{ name: 'sugar', version: '^1.0.0', optional: true }]
    expect(await refused({ ...base, dependencies }, { remotePlugins: { sugar: '2.0.0' } })).toContain(
      'is installed as 2.0.0',
    )
    await (await testPlugin({ ...base, dependencies }, { logger })).stop()
  })
})

test('a fitting plugin starts, and no hook of an unfitting one runs', async () => {
  const { plugin, seen } = hooked('planner', {
    minTonyVersion: '2.6.0',
    maxTonyVersion: '2.8.0',
    requiredCapabilities: ['git'],
    dependencies: [{ name: 'tools', version: '1.x' }],
  })
  await expect(testPlugin(plugin, { logger })).rejects.toThrow('"tools" 1.x is not installed')
  expect(seen).toEqual([])
  const installations = createMemoryInstallations()
  await testPlugin(plugin, { logger, installations, allowedCapabilities: ['git'], remotePlugins: { tools: '1.2.0' } })
  expect(seen).toEqual(['onInstall', 'onActivate'])
})
