import type { MCP } from '../tony/shapes.ts'
import { checkCapabilities, checkDependencies, checkShape, checkTonyVersion, tonyVersion } from './checks.ts'
import type { Installation, Installations } from './installation.ts'
import { createLogger } from './logger.ts'
import { PluginMigrationHelper } from './migrate.ts'
import type { Dependency, MCPPlugin, PluginLogger, TonyContext, TonyPlugin } from './plugin.ts'

/** How a plugin is run, whoever hosts it. */
export interface PluginSettings {
  /** Plugins of this process that it may depend on. Those hosted elsewhere in its project are found by themselves. */
  readonly plugins?: readonly TonyPlugin[]
  /** What a plugin may need of the machine: `file-system`, `git`, … Default: anything. */
  readonly allowedCapabilities?: readonly string[]
  /** Handed to the plugin in its context. */
  readonly services?: Readonly<Record<string, unknown>>
  /** Default: lines on standard error. */
  readonly logger?: PluginLogger
  /** The Tony it is to fit. Default 2.8.0. */
  readonly tonyVersion?: string
}

/** What hosts a plugin: the network, or the memory of a test. */
export interface PluginEnvironment {
  readonly mcp: MCP
  readonly installations: Installations
  readonly clientInstanceId: string
  /** Names and versions of the plugins that are hosted elsewhere. */
  getRemotePlugins(): Promise<ReadonlyMap<string, string>>
  now(): string
}

export interface ActivePlugin {
  readonly capabilities: readonly string[]
  /** Keeps its state and deactivates it; uninstalls it where that is asked for. */
  deactivate(options: { readonly uninstall: boolean }): Promise<void>
}

/** A plugin as it is hosted: checked as far as it can be alone, and wrapped where it is of before. */
export function prepare(plugin: unknown, settings: PluginSettings): MCPPlugin {
  checkShape(plugin)
  checkTonyVersion(plugin, settings.tonyVersion)
  checkCapabilities(plugin, settings.allowedCapabilities)
  return PluginMigrationHelper.migrateLegacyPlugin(plugin)
}

/** The plugins it may ask for: of this process, and hosted elsewhere. Elsewhere is only looked at where something is missing here. */
async function dependenciesOf(plugin: TonyPlugin, environment: PluginEnvironment, localPlugins: readonly TonyPlugin[]) {
  const versions = new Map(localPlugins.map(({ name, version }) => [name, version]))
  const wanted = plugin.dependencies ?? []
  if (wanted.some(({ name }) => !versions.has(name)))
    for (const [name, version] of await environment.getRemotePlugins())
      if (!versions.has(name)) versions.set(name, version)
  checkDependencies(plugin, versions)
  return versions
}

/** Another plugin, run here or by a request. */
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

function contextOf(
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
 * Starts a plugin: dependencies, `onInstall` where it has not run, its state, `registerWithMCP`, `onActivate`. What one of them
 * throws ends the start.
 */
export async function activate(
  plugin: MCPPlugin,
  environment: PluginEnvironment,
  settings: PluginSettings,
): Promise<ActivePlugin> {
  const { mcp, installations, clientInstanceId } = environment
  const { logger = createLogger(plugin.name) } = settings
  const context = contextOf(mcp, await dependenciesOf(plugin, environment, settings.plugins ?? []), {
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
      const state = await attempt(() => plugin.getState?.()).catch(logFailure('getState'))
      await attempt(() => plugin.saveState?.()).catch(logFailure('saveState'))
      await attempt(() => plugin.onDeactivate?.(context)).catch(logFailure('onDeactivate'))
      if (!uninstall)
        return installations.write(plugin.name, { ...installation, ...(state === undefined ? {} : { state }) })
      await plugin.onUninstall?.(context)
      // The secret stays: installed again, it is the same agent.
      await installations.write(plugin.name, { clientInstanceId, version: plugin.version, installedAt: null })
    },
  }
}

const attempt = async (work: () => unknown): Promise<unknown> => work()
