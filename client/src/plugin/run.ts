import type { AgentOptions } from '../agent/options.ts'
import type { Client } from '../api/client.ts'
import { TonyError } from '../api/errors.ts'
import { isRecord } from '../api/is-record.ts'
import { resolveServerOptions, type ServerOptions } from '../tony/environment.ts'
import { explainUnreachable } from '../tony/errors.ts'
import { type LocalAgent, type LocalAgentOptions, registerLocalAgent } from '../tony/local-agent.ts'
import { loadRegistration } from '../tony/register.ts'
import { getAgentStatus, getHealth, listActiveAgents, routeRequest, sendMessage } from '../tony/server-calls.ts'
import type { AgentConfig, MCP } from '../tony/shapes.ts'
import { createFileInstallations, type InstallationStore } from './installation.ts'
import {
  type ActivePlugin,
  activatePlugin,
  type PluginEnvironment,
  type PluginSettings,
  preparePlugin,
} from './lifecycle.ts'
import { createLogger } from './logger.ts'
import { type MCPPlugin, PluginError, type TonyPlugin } from './plugin.ts'

/** Options of `runPlugin`. */
export interface RunOptions extends ServerOptions, PluginSettings {
  /**
   * Storage of the installation, which has the plugin's state and the secret of its agent. Default:
   * files in `.tony/plugins`.
   */
  readonly installations?: InstallationStore
  /** Role of the plugin's agent. Default `developer`; an observer may not reply. */
  readonly role?: Exclude<AgentOptions['role'], undefined>
  /** Number of requests handled at the same time. Default 16. */
  readonly concurrency?: number
  /** Time for the running requests after `stop`, in milliseconds. Default 30 000. */
  readonly drainMs?: number
  /** Time between heartbeats, in milliseconds. Default 10 000. */
  readonly heartbeatMs?: number
  /** Time between health samples, in milliseconds. Default 30 000. */
  readonly healthMs?: number
}

/** A plugin that `runPlugin` has started. */
export interface RunningPlugin {
  readonly name: string
  /** Id of the plugin's agent, which has the name of the plugin. */
  readonly agentId: string
  /** The server, as the plugin's agent. */
  readonly mcp: MCP
  /**
   * Withdraws the capabilities, waits for the running requests, deactivates the plugin and saves
   * its state. With `uninstall` it also runs `onUninstall`, deletes the installation and
   * unregisters the agent, and it rejects with the error of `onUninstall`.
   */
  stop(options?: { readonly uninstall?: boolean }): Promise<void>
  /**
   * Resolves after the stop. The end of the agent's session also stops the plugin: it was started
   * elsewhere, or its session was revoked.
   */
  readonly stopped: Promise<void>
}

const defaultDrainMs = 30_000

/**
 * Creates the plugin's view of the server. The plugin is one agent, and `registerAgent` configures
 * it.
 */
function createMCP(hosted: LocalAgent, config: { current: AgentConfig }, updateAgent: () => Promise<void>): MCP {
  const { client, id } = hosted.agent
  return {
    registerAgent: async (given) => {
      config.current = given
      await updateAgent()
      return { ...(await loadRegistration(hosted)), capabilities: given.capabilities }
    },
    unregisterAgent: async (agentId) => {
      if (agentId === id || agentId === hosted.agent.name)
        throw new PluginError('PLUGIN_INVALID', 'a plugin does not unregister itself: its host does, when it stops')
      await client.agents.unregister({ agent: agentId })
    },
    routeRequest: (request) => routeRequest(client, request),
    getAgentStatus: (agentId) => getAgentStatus(client, agentId),
    getHealthStatus: () => getHealth(client),
    getActiveAgents: () => listActiveAgents(client),
    broadcastMessage: (message) => sendMessage(client, message),
  }
}

/** Returns the names and versions of the plugins that the agents of the project host. */
async function loadHostedPluginVersions(client: Client): Promise<Map<string, string>> {
  const agents = await listActiveAgents(client)
  return new Map(
    agents.flatMap(({ name, metadata: { plugin } }) => {
      const version = isRecord(plugin) ? plugin['version'] : undefined
      return typeof version === 'string' ? [[name, version] as const] : []
    }),
  )
}

/** Returns the metadata of the plugin's agent. */
const metadataOf = ({ name, version, description = '' }: TonyPlugin, given: AgentConfig['metadata']) => ({
  ...given,
  plugin: { name, version, description },
})

/**
 * Returns the secret of the plugin's agent. It is stored at the first run, so that every later run
 * is the same agent.
 */
async function getOrCreateInstanceId({ name, version }: TonyPlugin, installations: InstallationStore): Promise<string> {
  const stored = await installations.read(name)
  if (stored) return stored.clientInstanceId
  const clientInstanceId = crypto.randomUUID()
  await installations.write(name, { clientInstanceId, version, installedAt: null })
  return clientInstanceId
}

/** Explains an AGENT_NAME_TAKEN error for a plugin. */
function explainNameTaken(error: unknown, { name }: TonyPlugin): unknown {
  if (!(error instanceof TonyError) || error.code !== 'AGENT_NAME_TAKEN') return error
  const message = `the agent "${name}" belongs to another installation or is not a plugin: use the installations of that installation, or rename the plugin`
  return new TonyError(message, error)
}

const pickAgentOptions = ({ heartbeatMs, healthMs, concurrency }: RunOptions) => ({
  ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  ...(healthMs === undefined ? {} : { healthMs }),
  ...(concurrency === undefined ? {} : { concurrency }),
})

/** Creates the host of a plugin: an agent without capabilities until the plugin is active. */
async function registerPluginAgent(
  plugin: MCPPlugin,
  options: RunOptions,
  hooks: Pick<LocalAgentOptions, 'onEnded' | 'onError'>,
) {
  const installations = options.installations ?? createFileInstallations('.tony/plugins')
  const clientInstanceId = await getOrCreateInstanceId(plugin, installations)
  const { url, timeout, ...access } = resolveServerOptions(options)
  const config: { current: AgentConfig } = { current: { name: plugin.name, type: 'plugin', capabilities: [] } }
  let offered: readonly string[] | undefined
  const hosting = registerLocalAgent({
    ...access,
    ...pickAgentOptions(options),
    ...hooks,
    url,
    name: plugin.name,
    type: 'plugin',
    role: options.role ?? 'developer',
    metadata: metadataOf(plugin, {}),
    clientInstanceId,
    registerWithinMs: timeout,
    onRequest: (request) => plugin.handleMCPRequest(request),
  })
  const hosted = await explainUnreachable(url, hosting).catch((error: unknown) => {
    throw explainNameTaken(error, plugin)
  })
  const { client } = hosted.agent
  const updateAgent = async (): Promise<void> => {
    const { type, capabilities, metadata } = config.current
    const allCapabilities = offered ? [...new Set([...offered, ...capabilities])] : []
    await client.agents.update({ type, capabilities: allCapabilities, metadata: metadataOf(plugin, metadata) })
  }
  const environment: PluginEnvironment = {
    mcp: createMCP(hosted, config, updateAgent),
    installations,
    clientInstanceId,
    getRemotePlugins: () => loadHostedPluginVersions(client),
    now: () => new Date().toISOString(),
  }
  /** Sets the capabilities that route requests to the plugin; undefined withdraws them. */
  const setCapabilities = async (capabilities: readonly string[] | undefined): Promise<void> => {
    offered = capabilities
    await updateAgent()
  }
  return { environment, hosted, setCapabilities }
}

/**
 * Hosts a plugin: its agent registers, sends heartbeats and handles the requests for its
 * capabilities until `stop`. A plugin written for Tony 2.6 or 2.7 is adapted first. Rejects with
 * PluginError if the plugin is refused, with the errors of `onInstall`, `registerWithMCP` and
 * `onActivate`, and with TonyError if the server refuses the agent.
 *
 * @example
 * ```ts
 * const running = await runPlugin(plugin, { url: 'http://127.0.0.1:3456' })
 * await running.stop()
 * ```
 */
export async function runPlugin(given: TonyPlugin, options: RunOptions = {}): Promise<RunningPlugin> {
  const plugin = preparePlugin(given, options)
  const { logger = createLogger(plugin.name) } = options
  const [ended, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const logError = (what: string) => (error: unknown) => logger.error(what, error)
  const hooks = { onEnded: ended.resolve, onError: logError('outside of a request handler') }
  const { environment, hosted, setCapabilities } = await registerPluginAgent(plugin, options, hooks)
  const begin = async (): Promise<ActivePlugin> => {
    try {
      const started = await activatePlugin(plugin, environment, options)
      await setCapabilities(started.capabilities).catch(async (error: unknown) => {
        await started.deactivate({ uninstall: false })
        throw error
      })
      return started
    } catch (error) {
      await hosted.leave()
      throw error
    }
  }
  const active = await begin()
  hosted.serve()
  const end = async (uninstall: boolean): Promise<void> => {
    if (!hosted.hasEnded()) await setCapabilities(undefined).catch(logError('withdrawing'))
    await hosted.drain(options.drainMs ?? defaultDrainMs)
    try {
      await active.deactivate({ uninstall })
    } finally {
      await (uninstall ? hosted.leave() : hosted.stop())
      stopped.resolve()
    }
  }
  let stopping: Promise<void> | undefined
  const stop = ({ uninstall = false }: { readonly uninstall?: boolean } = {}): Promise<void> => {
    stopping ??= end(uninstall)
    return stopping
  }
  void ended.promise.then(() => stop()).catch(logError('stopping'))
  return { name: plugin.name, agentId: hosted.agent.id, mcp: environment.mcp, stop, stopped: stopped.promise }
}
