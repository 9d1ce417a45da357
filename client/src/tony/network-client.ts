import { EventEmitter } from 'node:events'
import type { WorkHandler } from '../agent/work.ts'
import { type Client, createClient } from '../api/client.ts'
import { resolveServerOptions, type ServerOptions } from './environment.ts'
import { agentNotFound, explainUnreachable } from './errors.ts'
import type { HostedAgent } from './hosted-agent.ts'
import { hostWithFreeName, profileOf, registrationOf } from './register.ts'
import { getHealth, getStatus, listActiveAgents, routeRequest, sendMessage } from './server-calls.ts'
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

/** What an agent of this process does by itself. Tony 2.8 knows neither. */
export interface AgentWork {
  /** Answers requests: with what it returns, or with the error `HANDLER_FAILED` where it throws. Without it they are acknowledged. */
  readonly onRequest?: (request: MCPRequest) => unknown
  /** Works on the tasks it may claim: what it returns completes the task. */
  readonly onTask?: WorkHandler
}

/** What a 2.8 agent, which has no code, says to a request. */
const acknowledgement = ({ method, agentId }: MCPRequest) => ({ accepted: true, agentId, method })

/**
 * The server over the network in the shape of Tony 2.8. It connects with the first call, or by `connect`. Its agents live in this
 * process: they heartbeat, answer and take mail until `unregisterAgent` or `disconnect`.
 *
 * Events: `connected`, `disconnected`, `agentRegistered`(registration), `agentUnregistered`(agentId), `request`(request) and
 * `message`({ agentId, message }) of its agents, `error`(error) where somebody listens.
 */
export class MCPNetworkClient extends EventEmitter implements MCP {
  #options: ServerOptions
  #client: Client | undefined
  readonly #agents = new Map<string, HostedAgent>()
  /** Ids of the caller's own, by which it may name its agents. */
  readonly #aliases = new Map<string, string>()

  constructor(options: ServerOptions = {}) {
    super()
    this.#options = options
  }

  get isConnected(): boolean {
    return this.#client !== undefined
  }

  /** Reaches the server, or rejects with what to do when there is none. */
  async connect(url?: string): Promise<void> {
    if (url !== undefined) {
      await this.disconnect()
      this.#options = { ...this.#options, url }
    }
    await this.#call((client) => client.system.info())
    this.emit('connected')
  }

  /** Its agents leave the project, and the connection ends. Nothing of it keeps the process from ending. */
  async disconnect(): Promise<void> {
    const client = this.#client
    await Promise.all([...this.#agents.keys()].map((agentId) => this.unregisterAgent(agentId)))
    client?.close()
    this.#client = undefined
    if (client) this.emit('disconnected')
  }

  /** Registers an agent of this process. One whose name is taken gets an ending to it. */
  async registerAgent(config: AgentConfig, { onRequest, onTask }: AgentWork = {}): Promise<AgentRegistration> {
    const { url, timeout, ...credentials } = resolveServerOptions(this.#options)
    const hosting = hostWithFreeName({
      ...credentials,
      ...profileOf(config),
      url,
      registerWithinMs: timeout,
      onRequest: async (request) => {
        this.emit('request', request)
        return { result: onRequest ? await onRequest(request) : acknowledgement(request) }
      },
      onMessage: (message) => this.emit('message', { agentId: message.to, message }),
      onError: (error) => this.#emitError(error),
    })
    const hosted = await explainUnreachable(url, hosting)
    const { id } = hosted.agent
    this.#agents.set(id, hosted)
    for (const alias of [config.id, config.agentId]) if (alias !== undefined) this.#aliases.set(alias, id)
    hosted.serve()
    if (onTask) hosted.agent.work(onTask, { onError: (error) => this.#emitError(error) })
    const registration = await registrationOf(hosted)
    this.emit('agentRegistered', registration)
    return registration
  }

  /** Rejects with "Agent {id} not found". */
  async unregisterAgent(agentId: string): Promise<void> {
    const id = this.#idOf(agentId)
    const hosted = this.#agents.get(id)
    this.#agents.delete(id)
    if (hosted) await hosted.leave()
    else await this.#call((client) => client.agents.unregister({ agent: id }))
    this.emit('agentUnregistered', id)
  }

  routeRequest(request: MCPRequest) {
    const { agentId } = request
    const named = agentId === undefined ? request : { ...request, agentId: this.#idOf(agentId) }
    return this.#call((client) => routeRequest(client, named))
  }

  async getAgentStatus(agentId: string): Promise<AgentStatus> {
    const id = this.#idOf(agentId)
    await this.#agents.get(id)?.report()
    return this.#call((client) => getStatus(client, id))
  }

  getHealthStatus(): Promise<HealthStatus> {
    return this.#call(getHealth)
  }

  getActiveAgents(): Promise<AgentInfo[]> {
    return this.#call(listActiveAgents)
  }

  broadcastMessage(message: AgentMessage): Promise<void> {
    return this.#call((client) => sendMessage(client, message))
  }

  /** The same as `broadcastMessage`. */
  broadcast(message: AgentMessage): Promise<void> {
    return this.broadcastMessage(message)
  }

  /** Every procedure of the server, as an agent of this process. */
  clientOf(agentId: string): Client {
    const hosted = this.#agents.get(this.#idOf(agentId))
    if (!hosted) throw agentNotFound(agentId)
    return hosted.agent.client
  }

  #idOf(agentId: string): string {
    return this.#aliases.get(agentId) ?? agentId
  }

  /**
   * Who calls: the developer on this machine, or with a key the first tech lead among its agents, else the first that may write, else
   * the key itself, which need not be good for more than registering them.
   */
  #callingClient(): { client: Client; url: string } {
    const { url, credential, project, timeout } = resolveServerOptions(this.#options)
    this.#client ??= createClient({
      url,
      deadlineMs: timeout,
      ...(credential === undefined ? {} : { token: credential }),
      ...(project === undefined ? {} : { project }),
    })
    const able = [...this.#agents.values()].map(({ agent }) => agent).filter(({ role }) => role !== 'observer')
    const speaker = able.find(({ role }) => role === 'tech-lead') ?? able[0]
    return { url, client: credential === undefined || !speaker ? this.#client : speaker.client }
  }

  #call<T>(call: (client: Client) => Promise<T>): Promise<T> {
    const { client, url } = this.#callingClient()
    return explainUnreachable(url, call(client))
  }

  /** An `error` nobody listens to would end the process. */
  #emitError(error: Untyped): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }
}

/** The server object of Tony 2.8: the same over the network. */
export class MinimalMCPServer extends MCPNetworkClient {}

/** The one that `tonyMCP` uses. It finds its server by the environment. */
export const minimalMCPServer: MinimalMCPServer = new MinimalMCPServer()
