import type { AgentOptions } from '../agent/agent.ts'
import type { Client } from '../api/client.ts'
import { TonyError } from '../api/errors.ts'
import { type Place, placeOf } from '../tony/environment.ts'
import { reaching } from '../tony/errors.ts'
import { activeAgents, healthOf, route, send, statusOf } from '../tony/fleet.ts'
import { type Hosted, type HostOptions, host } from '../tony/hosted.ts'
import { registrationOf } from '../tony/register.ts'
import type { AgentConfig, MCP } from '../tony/shapes.ts'
import { isRecord } from '../tony/words.ts'
import { type Installations, installationsIn } from './installation.ts'
import { type ActivePlugin, activate, type Ground, type PluginSettings, prepare } from './lifecycle.ts'
import { loggerOf } from './logger.ts'
import { type MCPPlugin, PluginError, type TonyPlugin } from './plugin.ts'

export interface RunOptions extends Place, PluginSettings {
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
function mcpOf(hosted: Hosted, config: { current: AgentConfig }, settle: () => Promise<void>): MCP {
  const { client, id } = hosted.agent
  return {
    registerAgent: async (given) => {
      config.current = given
      await settle()
      return { ...(await registrationOf(hosted)), capabilities: given.capabilities }
    },
    unregisterAgent: async (agentId) => {
      if (agentId === id || agentId === hosted.agent.name)
        throw new PluginError('PLUGIN_INVALID', 'a plugin does not unregister itself: its host does, when it stops')
      await client.agents.unregister({ agent: agentId })
    },
    routeRequest: (request) => route(client, request),
    getAgentStatus: (agentId) => statusOf(client, agentId),
    getHealthStatus: () => healthOf(client),
    getActiveAgents: () => activeAgents(client),
    broadcastMessage: (message) => send(client, message),
  }
}

/** The plugins that agents of the project say they host. */
async function hostedIn(client: Client): Promise<Map<string, string>> {
  const agents = await activeAgents(client)
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
async function secretOf({ name, version }: TonyPlugin, installations: Installations): Promise<string> {
  const kept = await installations.read(name)
  if (kept) return kept.clientInstanceId
  const clientInstanceId = crypto.randomUUID()
  await installations.write(name, { clientInstanceId, version, installedAt: null })
  return clientInstanceId
}

/** Says of a name that is taken what that means for a plugin. */
function explained(error: unknown, { name }: TonyPlugin): unknown {
  if (!(error instanceof TonyError) || error.code !== 'AGENT_NAME_TAKEN') return error
  const message = `the agent "${name}" belongs to another installation, or is no plugin: run it from where that one is kept, or name the plugin otherwise`
  return new TonyError(message, error)
}

const picked = ({ heartbeatMs, healthMs, concurrency }: RunOptions) => ({
  ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  ...(healthMs === undefined ? {} : { healthMs }),
  ...(concurrency === undefined ? {} : { concurrency }),
})

/** What a plugin runs on: an agent of the network that holds no capability before the plugin is active. */
async function groundOf(plugin: MCPPlugin, options: RunOptions, hooks: Pick<HostOptions, 'onEnded' | 'onError'>) {
  const installations = options.installations ?? installationsIn('.tony/plugins')
  const clientInstanceId = await secretOf(plugin, installations)
  const { url, timeout, ...credentials } = placeOf(options)
  const config: { current: AgentConfig } = { current: { name: plugin.name, type: 'plugin', capabilities: [] } }
  let offered: readonly string[] | undefined
  const hosting = host({
    ...credentials,
    ...picked(options),
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
  const hosted = await reaching(url, hosting).catch((error: unknown) => {
    throw explained(error, plugin)
  })
  const { client } = hosted.agent
  const settle = async (): Promise<void> => {
    const { type, capabilities, metadata } = config.current
    const held = offered ? [...new Set([...offered, ...capabilities])] : []
    await client.agents.update({ type, capabilities: held, metadata: metadataOf(plugin, metadata) })
  }
  const ground: Ground = {
    mcp: mcpOf(hosted, config, settle),
    installations,
    clientInstanceId,
    elsewhere: () => hostedIn(client),
    now: () => new Date().toISOString(),
  }
  /** From here on requests are routed to it, or with nothing to offer no longer. */
  const offer = async (capabilities: readonly string[] | undefined): Promise<void> => {
    offered = capabilities
    await settle()
  }
  return { ground, hosted, offer }
}

/**
 * Hosts a plugin: its agent registers, heartbeats, and answers requests for its capabilities until `stop`. One of Tony 2.6 or 2.7 is
 * wrapped. Rejects with PluginError where it does not fit, and with what `onInstall` and `onActivate` throw.
 */
export async function runPlugin(given: TonyPlugin, options: RunOptions = {}): Promise<RunningPlugin> {
  const plugin = prepare(given, options)
  const { logger = loggerOf(plugin.name) } = options
  const [ended, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const told = (what: string) => (error: unknown) => logger.error(what, error)
  const hooks = { onEnded: ended.resolve, onError: told('around a request') }
  const { ground, hosted, offer } = await groundOf(plugin, options, hooks)
  const begin = async (): Promise<ActivePlugin> => {
    try {
      const started = await activate(plugin, ground, options)
      await offer(started.capabilities).catch(async (error: unknown) => {
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
    if (!hosted.isOver()) await offer(undefined).catch(told('withdrawing'))
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
  void ended.promise.then(() => stop()).catch(told('stopping'))
  return { name: plugin.name, agentId: hosted.agent.id, mcp: ground.mcp, stop, stopped: stopped.promise }
}
