import type { MCP } from '../tony/shapes.ts'
import { checkCapabilities, checkDependencies, checkPluginShape, checkTonyVersion, tonyVersion } from './checks.ts'
import type { Installation, InstallationStore } from './installation.ts'
import { createLogger } from './logger.ts'
import { PluginMigrationHelper } from './migrate.ts'
import type { Dependency, MCPPlugin, PluginLogger, TonyContext, TonyPlugin } from './plugin.ts'

/** Settings of a plugin's run, on the network or in a test. */
export interface PluginSettings {
  /**
   * Plugins of this process, as possible dependencies. Plugins hosted elsewhere in the project need
   * not be listed. Default: none.
   */
  readonly plugins?: readonly TonyPlugin[]
  /** Machine capabilities that a plugin may require: `file-system`, `git`, … Default: any. */
  readonly allowedCapabilities?: readonly string[]
  /** Objects for the plugin's context. Default: none. */
  readonly services?: Readonly<Record<string, unknown>>
  /** Logger of the plugin. Default: lines on standard error. */
  readonly logger?: PluginLogger
  /** The version of Tony that the plugin must support. Default 2.8.0. */
  readonly tonyVersion?: string
}

/** The host of a plugin: the network, or the memory of a test. */
export interface PluginEnvironment {
  readonly mcp: MCP
  readonly installations: InstallationStore
  readonly clientInstanceId: string
  /** Returns the names and versions of the plugins hosted elsewhere. */
  getRemotePlugins(): Promise<ReadonlyMap<string, string>>
  now(): string
}

export interface ActivePlugin {
  readonly capabilities: readonly string[]
  /** Saves the plugin's state and deactivates it, and then uninstalls it if required. */
  deactivate(options: { readonly uninstall: boolean }): Promise<void>
}

/** Checks a plugin and wraps it if it is one of Tony 2.6 or 2.7. Throws PluginError. */
export function preparePlugin(plugin: unknown, settings: PluginSettings): MCPPlugin {
  checkPluginShape(plugin)
  checkTonyVersion(plugin, settings.tonyVersion)
  checkCapabilities(plugin, settings.allowedCapabilities)
  return PluginMigrationHelper.migrateLegacyPlugin(plugin)
}

/**
 * Returns the versions of the plugins that can be dependencies, by name. Asks the server for the
 * plugins of other processes only if this process lacks a dependency. Throws PluginError
 * PLUGIN_DEPENDENCY for an unmet one.
 */
async function resolveDependencyVersions(
  plugin: TonyPlugin,
  environment: PluginEnvironment,
  localPlugins: readonly TonyPlugin[],
) {
  const versions = new Map(localPlugins.map(({ name, version }) => [name, version]))
  const wanted = plugin.dependencies ?? []
  if (wanted.some(({ name }) => !versions.has(name)))
    for (const [name, version] of await environment.getRemotePlugins())
      if (!versions.has(name)) versions.set(name, version)
  checkDependencies(plugin, versions)
  return versions
}

/** Returns another plugin as a dependency. It is run in this process or by a request. */
function toDependency(name: string, version: string, local: TonyPlugin | undefined, context: TonyContext): Dependency {
  return {
    name,
    version,
    execute: async (params = null) => {
      if (local?.execute) return local.execute({ ...context, params })
      const { result, error } = await context.mcp.routeRequest({ method: 'plugin.execute', agentId: name, params })
      if (error) throw new Error(`${name}: ${error.message}`)
      return result
    },
  }
}

function createTonyContext(
  mcp: MCP,
  versions: ReadonlyMap<string, string>,
  { plugins = [], services = {}, logger, ...settings }: PluginSettings & { readonly logger: PluginLogger },
): TonyContext {
  const context: TonyContext = {
    version: settings.tonyVersion ?? tonyVersion,
    logger,
    services,
    mcp,
    getDependency: (name) => {
      const version = versions.get(name)
      const local = plugins.find((other) => other.name === name)
      return version === undefined ? undefined : toDependency(name, version, local, context)
    },
  }
  return context
}

async function restoreState(plugin: TonyPlugin, { state }: Installation): Promise<void> {
  if (state !== undefined) await (plugin.restoreState ? plugin.restoreState(state) : plugin.setState?.(state))
  await plugin.loadState?.()
}

/**
 * Starts a plugin: checks its dependencies, runs `onInstall` if that has not succeeded before,
 * restores its state, and runs `registerWithMCP` and `onActivate`. An exception of any step ends
 * the start.
 */
export async function activatePlugin(
  plugin: MCPPlugin,
  environment: PluginEnvironment,
  settings: PluginSettings,
): Promise<ActivePlugin> {
  const { mcp, installations, clientInstanceId } = environment
  const { logger = createLogger(plugin.name) } = settings
  const context = createTonyContext(mcp, await resolveDependencyVersions(plugin, environment, settings.plugins ?? []), {
    ...settings,
    logger,
  })
  const stored = await installations.read(plugin.name)
  const installation = {
    ...stored,
    clientInstanceId,
    version: plugin.version,
    installedAt: stored?.installedAt ?? null,
  }
  if (installation.installedAt === null) {
    await plugin.onInstall?.(context)
    installation.installedAt = environment.now()
  }
  await installations.write(plugin.name, installation)
  await restoreState(plugin, installation)
  await plugin.registerWithMCP(mcp)
  await plugin.onActivate?.(context)
  const logFailure = (step: string) => (error: unknown) => logger.error(`${step} failed`, error)
  return {
    capabilities: plugin.getMCPCapabilities(),
    deactivate: async ({ uninstall }) => {
      const state = await runAsync(() => plugin.getState?.()).catch(logFailure('getState'))
      await runAsync(() => plugin.saveState?.()).catch(logFailure('saveState'))
      await runAsync(() => plugin.onDeactivate?.(context)).catch(logFailure('onDeactivate'))
      if (!uninstall)
        return installations.write(plugin.name, { ...installation, ...(state === undefined ? {} : { state }) })
      await plugin.onUninstall?.(context)
      // The secret stays, so that a new installation is the same agent.
      await installations.write(plugin.name, { clientInstanceId, version: plugin.version, installedAt: null })
    },
  }
}

const runAsync = async (work: () => unknown): Promise<unknown> => work()
