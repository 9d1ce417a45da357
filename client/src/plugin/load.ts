import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isRecord } from '../api/is-record.ts'
import { checkPluginShape } from './checks.ts'
import { PluginError, type TonyPlugin } from './plugin.ts'

/**
 * Loads the plugin that a file exports by default or as `plugin`. Rejects with the error of the
 * import, or with PluginError PLUGIN_INVALID if the file exports no valid plugin.
 * @example const running = await runPlugin(await loadPlugin('plugin.js'))
 */
export async function loadPlugin(file: string | URL): Promise<TonyPlugin> {
  const { href } = typeof file === 'string' ? pathToFileURL(resolve(file)) : file
  const json = href.endsWith('.json') ? { with: { type: 'json' } } : {}
  const module: unknown = await import(href, json)
  const found = isRecord(module) ? (module['default'] ?? module['plugin']) : undefined
  if (found === undefined) throw new PluginError('PLUGIN_INVALID', `${file} exports no plugin: export it by default`)
  checkPluginShape(found)
  return found
}
