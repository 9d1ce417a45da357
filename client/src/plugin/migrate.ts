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

/** What a wrapper hands on as it is, where the plugin has it. */
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

/** The methods a plugin has, each called on the plugin itself. */
function methodsOf(plugin: TonyPlugin): Pick<TonyPlugin, (typeof forwardedMethods)[number]> {
  const found = forwardedMethods.flatMap((name) => {
    const method: unknown = Reflect.get(plugin, name)
    return typeof method === 'function' ? [[name, (given: unknown) => Reflect.apply(method, plugin, [given])]] : []
  })
  return Object.fromEntries(found)
}

/**
 * The plugin with a `getDependency`, where it depends on others and has none: its host gave it one. What it sets is set on
 * itself.
 */
function withDependencies(plugin: TonyPlugin, contextOf: () => TonyContext | undefined): TonyPlugin {
  if ((plugin.dependencies ?? []).length === 0 || plugin.getDependency !== undefined) return plugin
  const getDependency = (name: string) => contextOf()?.getDependency(name)
  return new Proxy(plugin, {
    get: (target, key) => (key === 'getDependency' ? getDependency : Reflect.get(target, key)),
  })
}

/** Where nobody hosts the wrapper but its caller. */
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
  const legacy = withDependencies(plugin, () => context)
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

/** Brings plugins of Tony 2.6 and 2.7 to the server. */
export const PluginMigrationHelper = {
  /**
   * Wraps a plugin without changing it. A `plugin.execute` request, or `{name}.execute`, reaches its `execute(context)` with the
   * params in `context.params`; its hooks and its state are those of the plugin. One that is an MCPPlugin is given back as it is.
   */
  migrateLegacyPlugin,
} as const
