import type { MCP, MCPRequest, MCPResponse } from '../tony/shapes.ts'
import { tonyVersion } from './checks.ts'
import { isMCPPlugin, type MCPPlugin, type TonyContext, type TonyPlugin } from './plugin.ts'

const manifestFields = [
  'name',
  'version',
  'description',
  'author',
  'keywords',
  'minTonyVersion',
  'maxTonyVersion',
  'requiredCapabilities',
  'dependencies',
] as const

/** Methods that a wrapper forwards if the plugin has them. */
const forwardedMethods = [
  'onDeactivate',
  'onUninstall',
  'execute',
  'getState',
  'setState',
  'restoreState',
  'saveState',
  'loadState',
] as const

function manifestOf(plugin: TonyPlugin): Pick<TonyPlugin, (typeof manifestFields)[number]> {
  const { name, version } = plugin
  const found = manifestFields.flatMap((fact) => (plugin[fact] === undefined ? [] : [[fact, plugin[fact]]]))
  return { ...Object.fromEntries(found), name, version }
}

/** Returns the methods of a plugin, bound to it. */
function methodsOf(plugin: TonyPlugin): Pick<TonyPlugin, (typeof forwardedMethods)[number]> {
  const found = forwardedMethods.flatMap((name) => {
    const method: unknown = Reflect.get(plugin, name)
    return typeof method === 'function' ? [[name, (given: unknown) => Reflect.apply(method, plugin, [given])]] : []
  })
  return Object.fromEntries(found)
}

/**
 * Returns a proxy of the plugin with a method `getDependency`, which the host of Tony 2.7 added to
 * its plugins. Returns the plugin itself if it has that method or no dependencies. Assignments to
 * the proxy change the plugin.
 */
function withGetDependency(plugin: TonyPlugin, getContext: () => TonyContext | undefined): TonyPlugin {
  if ((plugin.dependencies ?? []).length === 0 || plugin.getDependency !== undefined) return plugin
  const getDependency = (name: string) => getContext()?.getDependency(name)
  return new Proxy(plugin, {
    get: (target, key) => (key === 'getDependency' ? getDependency : Reflect.get(target, key)),
  })
}

/** The context of a wrapper that its caller hosts directly. */
const bareContext = (mcp: MCP): TonyContext => ({
  version: tonyVersion,
  logger: console,
  services: {},
  mcp,
  getDependency: () => undefined,
})

const errorResponse = (code: string, message: string): MCPResponse => ({ success: false, error: { code, message } })

function migrateLegacyPlugin(plugin: TonyPlugin): MCPPlugin {
  if (isMCPPlugin(plugin)) return plugin
  const { name, version, description = '' } = plugin
  let context: TonyContext | undefined
  const legacy = withGetDependency(plugin, () => context)
  const capabilities = typeof plugin.execute === 'function' ? ['plugin.execute', `${name}.execute`] : []
  return {
    ...manifestOf(plugin),
    ...methodsOf(legacy),
    onInstall: (given) => {
      context = given
      return legacy.onInstall?.(given)
    },
    onActivate: (given) => {
      context = given
      return legacy.onActivate?.(given)
    },
    registerWithMCP: async (mcp) => {
      context ??= bareContext(mcp)
      await mcp.registerAgent({ name, type: 'plugin', capabilities, metadata: { legacy: true, version, description } })
    },
    handleMCPRequest: async (request: MCPRequest) => {
      const { method, params = null } = request
      if (!capabilities.includes(method))
        return errorResponse('METHOD_NOT_FOUND', `plugin "${name}" has no method ${method}`)
      if (!context)
        return errorResponse('NOT_REGISTERED', `plugin "${name}" is not registered: call registerWithMCP first`)
      return { success: true, result: await legacy.execute?.({ ...context, params, request }) }
    },
    getMCPCapabilities: () => capabilities,
  }
}

/**
 * Adapts plugins of Tony 2.6 and 2.7 to the server.
 * @example const plugin = PluginMigrationHelper.migrateLegacyPlugin(legacy)
 */
export const PluginMigrationHelper = {
  /**
   * Wraps a plugin without changing it. A request `plugin.execute` or `{name}.execute` calls its
   * `execute(context)` with the params in `context.params`. Its hooks and its state are used as
   * they are. Returns an MCPPlugin unchanged.
   */
  migrateLegacyPlugin,
} as const
