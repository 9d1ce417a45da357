import { EventEmitter } from 'node:events'
import type { WorkHandler } from '../agent/work.ts'
import { type Client, createClient } from '../api/client.ts'
import { resolveServerOptions, type ServerOptions } from './environment.ts'
import { agentNotFoundError, explainUnreachable } from './errors.ts'
import type { LocalAgent } from './local-agent.ts'
import { agentProfileOf, loadRegistration, registerWithFreeName } from './register.ts'
import { getAgentStatus, getHealth, listActiveAgents, routeRequest, sendMessage } from './server-calls.ts'
import type {
  AgentConfig,
  AgentInfo,
  AgentMessage,
  AgentRegistration,
  AgentStatus,
  HealthStatus,
  MCP,
  MCPRequest,
  Untyped,
} from './shapes.ts'

/** Code for an agent of this process. Tony 2.8 has no counterpart. */
export interface AgentHandlers {
  /**
   * Handles requests: the return value is the reply, an exception becomes the error
   * `HANDLER_FAILED`. Default: requests are acknowledged.
   */
  readonly onRequest?: (request: MCPRequest) => unknown
  /**
   * Works on the tasks that the agent may claim; the return value completes the task. Default: no
   * claims.
   */
  readonly onTask?: WorkHandler
}

/** The reply of an agent without code, as in Tony 2.8. */
const acknowledgement = ({ method, agentId }: MCPRequest) => ({ accepted: true, agentId, method })

/**
 * The server of Tony 2.8, over the network. It connects at the first call or in `connect`. Its
 * agents live in this process: they send heartbeats, reply to requests and receive messages until
 * `unregisterAgent` or `disconnect`.
 *
 * Events: `connected`, `disconnected`, `agentRegistered`(registration),
 * `agentUnregistered`(agentId), `request`(request) and `message`({ agentId, message }) of its
 * agents, `error`(error) if it has a listener.
 *
 * @example
 * ```ts
 * const server = new MCPNetworkClient({ url })
 * const { result } = await server.routeRequest({ method: 'text.shout', params: { text: 'hey' } })
 * await server.disconnect()
 * ```
 */
export class MCPNetworkClient extends EventEmitter implements MCP {
  #options: ServerOptions
  #client: Client | undefined
  readonly #agents = new Map<string, LocalAgent>()
  /** The server's id of an agent, by the caller's own id. */
  readonly #aliases = new Map<string, string>()

  constructor(options: ServerOptions = {}) {
    super()
    this.#options = options
  }

  /** True after the first call, until `disconnect`. */
  get isConnected(): boolean {
    return this.#client !== undefined
  }

  /** Connects to the server, or to the one at `url`. Rejects with instructions if there is none. */
  async connect(url?: string): Promise<void> {
    if (url !== undefined) {
      await this.disconnect()
      this.#options = { ...this.#options, url }
    }
    await this.#call((client) => client.system.info())
    this.emit('connected')
  }

  /**
   * Unregisters the agents of this process and closes the connection, so that the process can end.
   */
  async disconnect(): Promise<void> {
    const client = this.#client
    await Promise.all([...this.#agents.keys()].map((agentId) => this.unregisterAgent(agentId)))
    client?.close()
    this.#client = undefined
    if (client) this.emit('disconnected')
  }

  /** Registers an agent of this process. Its name gets a suffix if another agent has it. */
  async registerAgent(config: AgentConfig, { onRequest, onTask }: AgentHandlers = {}): Promise<AgentRegistration> {
    const { url, timeout, ...access } = resolveServerOptions(this.#options)
    const registering = registerWithFreeName({
      ...access,
      ...agentProfileOf(config),
      url,
      registerWithinMs: timeout,
      onRequest: async (request) => {
        this.emit('request', request)
        return { result: onRequest ? await onRequest(request) : acknowledgement(request) }
      },
      onMessage: (message) => this.emit('message', { agentId: message.to, message }),
      onError: (error) => this.#emitError(error),
    })
    const local = await explainUnreachable(url, registering)
    const { id } = local.agent
    this.#agents.set(id, local)
    for (const alias of [config.id, config.agentId]) if (alias !== undefined) this.#aliases.set(alias, id)
    local.serve()
    if (onTask) local.agent.work(onTask, { onError: (error) => this.#emitError(error) })
    const registration = await loadRegistration(local)
    this.emit('agentRegistered', registration)
    return registration
  }

  /** Unregisters an agent. Rejects with "Agent {id} not found". */
  async unregisterAgent(agentId: string): Promise<void> {
    const id = this.#idOf(agentId)
    const local = this.#agents.get(id)
    this.#agents.delete(id)
    if (local) await local.leave()
    else await this.#call((client) => client.agents.unregister({ agent: id }))
    this.emit('agentUnregistered', id)
  }

  /** Sends a request to an agent and returns the response, which may be an `error`. */
  routeRequest(request: MCPRequest) {
    const { agentId } = request
    const named = agentId === undefined ? request : { ...request, agentId: this.#idOf(agentId) }
    return this.#call((client) => routeRequest(client, named))
  }

  /** Returns the status of an agent. Rejects with "Agent {id} not found". */
  async getAgentStatus(agentId: string): Promise<AgentStatus> {
    const id = this.#idOf(agentId)
    await this.#agents.get(id)?.report()
    return this.#call((client) => getAgentStatus(client, id))
  }

  /** Returns the health of the project. */
  getHealthStatus(): Promise<HealthStatus> {
    return this.#call(getHealth)
  }

  /** Returns the live agents. */
  getActiveAgents(): Promise<AgentInfo[]> {
    return this.#call(listActiveAgents)
  }

  /** Sends a message, by default to every agent. */
  broadcastMessage(message: AgentMessage): Promise<void> {
    return this.#call((client) => sendMessage(client, message))
  }

  /** Sends a message like `broadcastMessage`. */
  broadcast(message: AgentMessage): Promise<void> {
    return this.broadcastMessage(message)
  }

  /** Returns the client of an agent of this process. Throws "Agent {id} not found". */
  clientOf(agentId: string): Client {
    const local = this.#agents.get(this.#idOf(agentId))
    if (!local) throw agentNotFoundError(agentId)
    return local.agent.client
  }

  #idOf(agentId: string): string {
    return this.#aliases.get(agentId) ?? agentId
  }

  /**
   * Returns the client for a call. Without a key it is the developer of dev mode. With a key it is
   * the first tech-lead among the agents of this process, else the first agent that may write, else
   * the key itself. A key that may only register agents is therefore enough.
   */
  #callingClient(): { client: Client; url: string } {
    const { url, token, project, timeout } = resolveServerOptions(this.#options)
    this.#client ??= createClient({
      url,
      deadlineMs: timeout,
      ...(token === undefined ? {} : { token }),
      ...(project === undefined ? {} : { project }),
    })
    const able = [...this.#agents.values()].map(({ agent }) => agent).filter(({ role }) => role !== 'observer')
    const agent = able.find(({ role }) => role === 'tech-lead') ?? able[0]
    return { url, client: token === undefined || !agent ? this.#client : agent.client }
  }

  #call<T>(call: (client: Client) => Promise<T>): Promise<T> {
    const { client, url } = this.#callingClient()
    return explainUnreachable(url, call(client))
  }

  /** An `error` event without a listener would end the process. */
  #emitError(error: Untyped): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }
}

/**
 * The server object of Tony 2.8.
 * @example const tony = new TonyMCPIntegration(new MinimalMCPServer({ url }))
 */
export class MinimalMCPServer extends MCPNetworkClient {}

/**
 * The server of `tonyMCP`. The environment names its address.
 * @example const agents = await minimalMCPServer.getActiveAgents()
 */
export const minimalMCPServer: MinimalMCPServer = new MinimalMCPServer()
