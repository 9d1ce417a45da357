import { mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PluginError } from '@tony/mcp-client/plugin'

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/

/**
 * Returns the client for a new plugin: the folder of the one that this program uses, because no
 * registry has it.
 */
function clientPackageUrl(): string {
  const entry = realpathSync(fileURLToPath(import.meta.resolve('@tony/mcp-client/plugin')))
  return `file:${dirname(dirname(dirname(entry)))}`
}

const packageJsonOf = (name: string): string =>
  `${JSON.stringify(
    {
      name,
      version: '0.1.0',
      private: true,
      type: 'module',
      scripts: { start: 'tony-mcp plugin run plugin.js', test: 'tony-mcp plugin test' },
      dependencies: { '@tony/mcp-client': clientPackageUrl() },
    },
    undefined,
    2,
  )}\n`

const pluginSourceOf = (name: string): string => `import { definePlugin } from '@tony/mcp-client/plugin'

export default definePlugin({
  name: '${name}',
  version: '0.1.0',
  description: 'Counts the words of a text',
  minTonyVersion: '2.8.0',
  inputs: {
    '${name}.count': (params) => {
      if (typeof params?.text !== 'string') throw new Error('give a text')
      return params
    },
  },
  handlers: {
    '${name}.count': ({ text }) => ({ words: text.split(/\\s+/).filter(Boolean).length }),
  },
})
`

const testSourceOf = (name: string): string => `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testPlugin } from '@tony/mcp-client/plugin'
import plugin from './plugin.js'

test('counts the words of a text', async () => {
  const harness = await testPlugin(plugin)
  assert.deepEqual(await harness.call('${name}.count', { text: 'three short words' }), { words: 3 })
  await harness.stop()
})

test('refuses what is no text', async () => {
  const harness = await testPlugin(plugin)
  await assert.rejects(harness.call('${name}.count', { text: 3 }), { code: 'INVALID_PARAMS' })
  await harness.stop()
})
`

/** `tony-mcp plugin new`: writes a plugin into a folder that is empty or does not exist. */
export function writeNewPlugin(name: string, { to = name }: { readonly to?: string }): void {
  if (!namePattern.test(name))
    throw new PluginError(
      'PLUGIN_INVALID',
      `"${name}" is not a valid name: use lower-case letters, digits, ".", "_" and "-", at most 64`,
    )
  mkdirSync(to, { recursive: true })
  if (readdirSync(to).length > 0)
    throw new PluginError('PLUGIN_INVALID', `${to} is not empty: choose another folder with --to`)
  writeFileSync(join(to, 'package.json'), packageJsonOf(name))
  writeFileSync(join(to, 'plugin.js'), pluginSourceOf(name))
  writeFileSync(join(to, 'plugin.test.js'), testSourceOf(name))
  process.stdout.write(`${to} is a plugin. Next:\n  cd ${to}\n  npm install\n  npm test\n  npm start\n`)
}
