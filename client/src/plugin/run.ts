import type { AgentOptions } from '../agent/agent.ts'
import type { Client } from '../api/client.ts'
import { TonyError } from '../api/errors.ts'
import { isRecord } from '../tony/conversions.ts'
import { resolveServerOptions, type ServerOptions } from '../tony/environment.ts'
import { explainUnreachable } from '../tony/errors.ts'
import { type HostAgentOptions, type HostedAgent, hostAgent } from '../tony/hosted-agent.ts'
import { registrationOf } from '../tony/register.ts'
import { getHealth, getStatus, listActiveAgents, routeRequest, sendMessage } from '../tony/server-calls.ts'
import type { AgentConfig, MCP } from '../tony/shapes.ts'
import { type Installations, installationsIn } from './installation.ts'
import { type ActivePlugin, activate, type PluginEnvironment, type PluginSettings, prepare } from './lifecycle.ts'
import { createLogger } from './logger.ts'
import { type MCPPlugin, PluginError, type TonyPlugin } from './plugin.ts'

export interface RunOptions extends ServerOptions, PluginSettings {
  /** Where is kept that it is installed, its state and the secret of its agent. Default: files in `.tony/plugins`. */
  readonly installations?: Installations
  /** The role of its agent. Default `developer`: an observer may not answer. */
  readonly role?: Exclude<AgentOptions['role'], undefined>
  /** How many requests are handled at a time. Default 16. */
  readonly concurrency?: number
  /** How long requests that are handled may go on when it stops, in milliseconds. Default 30 000. */
  readonly drainMs?: number
  /** Between heartbeats, in milliseconds. Default 10 000. */
  readonly heartbeatMs?: number
  /** Between health reports, in milliseconds. Default 30 000. */
  readonly healthMs?: number
}

export interface RunningPlugin {
  readonly name: string
  /** Of its agent, whose name is that of the plugin. */
  readonly agentId: string
  readonly mcp: MCP
  /**
   * Takes nothing new, lets what is handled finish, deactivates the plugin and keeps its state. With `uninstall` it runs
   * `onUninstall` too, forgets the installation, and its agent leaves; what `onUninstall` throws is thrown.
   */
  stop(options?: { readonly uninstall?: boolean }): Promise<void>
  /** Resolves once it has stopped, also by the end of its session: run again elsewhere, or revoked. */
  readonly stopped: Promise<void>
}

const defaultDrainMs = 30_000

/** Everything a plugin is given of the server. It is one agent: `registerAgent` says what this one is. */
function createMCP(hosted: HostedAgent, config: { current: AgentConfig }, updateAgent: () => Promise<void>): MCP {
  const { client, id } = hosted.agent
  return {
    registerAgent: async (given) => {
      config.current = given
      await updateAgent()
      return { ...(await registrationOf(hosted)), capabilities: given.capabilities }
    },
    unregisterAgent: async (agentId) => {
      if (agentId === id || agentId === hosted.agent.name)
        throw new PluginError('PLUGIN_INVALID', 'a plugin does not unregister itself: its host does, when it stops')
      await client.agents.unregister({ agent: agentId })
    },
    routeRequest: (request) => routeRequest(client, request),
    getAgentStatus: (agentId) => getStatus(client, agentId),
    getHealthStatus: () => getHealth(client),
    getActiveAgents: () => listActiveAgents(client),
    broadcastMessage: (message) => sendMessage(client, message),
  }
}

/** The plugins that agents of the project say they host. */
async function listHostedPlugins(client: Client): Promise<Map<string, string>> {
  const agents = await listActiveAgents(client)
  return new Map(
    agents.flatMap(({ name, metadata: { plugin } }) => {
      const version = isRecord(plugin) ? plugin['version'] : undefined
      return typeof version === 'string' ? [[name, version] as const] : []
    }),
  )
}

/** What its agent says of the plugin. */
const metadataOf = ({ name, version, description = '' }: TonyPlugin, given: AgentConfig['metadata']) => ({
  ...given,
  plugin: { name, version, description },
})

/** The secret of its agent: kept from the first run on, so that every later one is the same agent. */
async function getClientInstanceId({ name, version }: TonyPlugin, installations: Installations): Promise<string> {
  const kept = await installations.read(name)
  if (kept) return kept.clientInstanceId
  const clientInstanceId = crypto.randomUUID()
  await installations.write(name, { clientInstanceId, version, installedAt: null })
  return clientInstanceId
}

/** Says of a name that is taken what that means for a plugin. */
function explainNameTaken(error: unknown, { name }: TonyPlugin): unknown {
  if (!(error instanceof TonyError) || error.code !== 'AGENT_NAME_TAKEN') return error
  const message = `the agent "${name}" belongs to another installation, or is no plugin: run it from where that one is kept, or name the plugin otherwise`
  return new TonyError(message, error)
}

const pickAgentOptions = ({ heartbeatMs, healthMs, concurrency }: RunOptions) => ({
  ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  ...(healthMs === undefined ? {} : { healthMs }),
  ...(concurrency === undefined ? {} : { concurrency }),
})

/** What a plugin runs on: an agent of the network that holds no capability before the plugin is active. */
async function createEnvironment(
  plugin: MCPPlugin,
  options: RunOptions,
  hooks: Pick<HostAgentOptions, 'onEnded' | 'onError'>,
) {
  const installations = options.installations ?? installationsIn('.tony/plugins')
  const clientInstanceId = await getClientInstanceId(plugin, installations)
  const { url, timeout, ...credentials } = resolveServerOptions(options)
  const config: { current: AgentConfig } = { current: { name: plugin.name, type: 'plugin', capabilities: [] } }
  let offered: readonly string[] | undefined
  const hosting = hostAgent({
    ...credentials,
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
    getRemotePlugins: () => listHostedPlugins(client),
    now: () => new Date().toISOString(),
  }
  /** From here on requests are routed to it, or with nothing to offer no longer. */
  const setCapabilities = async (capabilities: readonly string[] | undefined): Promise<void> => {
    offered = capabilities
    await updateAgent()
  }
  return { ground: environment, hosted, offer: setCapabilities }
}

/**
 * Hosts a plugin: its agent registers, heartbeats, and answers requests for its capabilities until `stop`. One of Tony 2.6 or 2.7 is
 * wrapped. Rejects with PluginError where it does not fit, and with what `onInstall` and `onActivate` throw.
 */
export async function runPlugin(given: TonyPlugin, options: RunOptions = {}): Promise<RunningPlugin> {
  const plugin = prepare(given, options)
  const { logger = createLogger(plugin.name) } = options
  const [ended, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const logError = (what: string) => (error: unknown) => logger.error(what, error)
  const hooks = { onEnded: ended.resolve, onError: logError('around a request') }
  const { ground: environment, hosted, offer: setCapabilities } = await createEnvironment(plugin, options, hooks)
  const begin = async (): Promise<ActivePlugin> => {
    try {
      const started = await activate(plugin, environment, options)
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
