import { EventEmitter } from 'node:events'
import { priorityOf, toServerTask } from './conversions.ts'
import { notInitializedError } from './errors.ts'
import { type AgentHandlers, type MCPNetworkClient, minimalMCPServer } from './network-client.ts'
import type { AgentRegistration, AgentStatus, HealthStatus, MCPResponse, TonyTask } from './shapes.ts'

/**
 * The capabilities of each agent type.
 * @example const [first] = capabilitiesByType['qa'] ?? []
 */
export const capabilitiesByType: Readonly<Record<string, readonly string[]>> = {
  'tech-lead': ['project.coordinate', 'agent.deploy', 'task.decompose', 'context.manage', 'upp.planning'],
  implementation: ['code.write', 'code.review', 'test.write', 'refactor.apply'],
  qa: ['test.run', 'test.validate', 'quality.check', 'coverage.analyze'],
  security: ['security.scan', 'vulnerability.check', 'compliance.verify'],
  documentation: ['docs.write', 'api.document', 'readme.update'],
}

const defaultTypes = ['implementation', 'qa', 'security', 'documentation'] as const

/**
 * Returns the type for a word of Tony's other vocabularies: `qa` for `qa-agent`, `tech-lead` for
 * `tech-lead-tony`.
 */
const agentTypeOf = (word: string): string => word.replace(/-agent$/, '').replace(/-tony$/, '')

/** Options of TonyMCPIntegration. */
export interface IntegrationOptions {
  /** Time between `healthUpdate` events, in milliseconds. Default 30 000. */
  readonly healthMs?: number
}

/**
 * Tony as a tech-lead, registered by `initialize`. Events: `initialized`(registration),
 * `agentDeployed`({ type, registration }), `taskAssigned`({ agentId, task }),
 * `healthUpdate`(health), `error`(error) if it has a listener, `shutdown`().
 *
 * @example
 * ```ts
 * const tony = new TonyMCPIntegration(new MinimalMCPServer({ url }))
 * await tony.initialize()
 * const { agentId } = await tony.deployAgent('qa')
 * await tony.assignTask(agentId, { type: 'test', description: 'all of it' })
 * await tony.shutdown()
 * ```
 */
export class TonyMCPIntegration extends EventEmitter {
  readonly #server: MCPNetworkClient
  readonly #healthMs: number
  #registration: AgentRegistration | null = null
  #initializing: Promise<AgentRegistration> | undefined
  #healthTimer: NodeJS.Timeout | undefined

  constructor(server: MCPNetworkClient = minimalMCPServer, { healthMs = 30_000 }: IntegrationOptions = {}) {
    super()
    this.#server = server
    this.#healthMs = healthMs
  }

  /**
   * Registers Tony. A second call has no effect. Rejects with instructions if there is no server.
   */
  async initialize(): Promise<void> {
    this.#initializing ??= this.#registerTony()
    try {
      await this.#initializing
    } catch (error) {
      this.#initializing = undefined
      throw error
    }
  }

  /** True between `initialize` and `shutdown`. */
  isInitialized(): boolean {
    return this.#registration !== null
  }

  /** Returns Tony's registration; null before `initialize` and after `shutdown`. */
  getRegistration(): AgentRegistration | null {
    return this.#registration
  }

  /**
   * Registers an agent with the capabilities of its type. Without `work` it only acknowledges
   * requests. Rejects if Tony is not initialized.
   */
  async deployAgent(type: string, work: AgentHandlers = {}): Promise<AgentRegistration> {
    this.#requireRegistration()
    const capabilities = capabilitiesByType[agentTypeOf(type)] ?? []
    const registration = await this.#server.registerAgent({ name: type, type, capabilities }, work)
    this.emit('agentDeployed', { type, registration })
    return registration
  }

  /**
   * Creates a task that only this agent may claim, and returns the task's id. Keys that are no
   * field of a task become its metadata. Rejects with "Agent {id} not found".
   */
  async assignTask(agentId: string, task: TonyTask): Promise<MCPResponse> {
    const client = this.#server.clientOf(this.#requireRegistration().agentId)
    const known = await this.#server.getAgentStatus(agentId)
    const created = await client.tasks.create({ ...toServerTask(task), assignedTo: known.agentId })
    this.emit('taskAssigned', { agentId, task })
    const { id, status } = created
    return { id, success: true, result: { accepted: true, taskId: id, agentId: known.agentId, status, task } }
  }

  /** Sends an object to every agent, as a message of the type `coordination`. */
  async broadcastCoordination(coordination: object): Promise<void> {
    const client = this.#server.clientOf(this.#requireRegistration().agentId)
    const priority = 'priority' in coordination ? priorityOf(coordination.priority) : 'normal'
    await client.messages.send({ to: '*', type: 'coordination', payload: coordination, priority })
  }

  /** Returns the status of an agent. Rejects with "Agent {id} not found". */
  async getAgentStatus(agentId: string): Promise<AgentStatus> {
    this.#requireRegistration()
    return this.#server.getAgentStatus(agentId)
  }

  /** Returns the status of every live agent. */
  async getAgentStatuses(): Promise<AgentStatus[]> {
    this.#requireRegistration()
    const agents = await this.#server.getActiveAgents()
    return Promise.all(agents.map(({ agentId }) => this.#server.getAgentStatus(agentId)))
  }

  /** Unregisters Tony's agents and disconnects, so that the process can end. */
  async shutdown(): Promise<void> {
    clearInterval(this.#healthTimer)
    await this.#initializing?.catch(() => undefined)
    clearInterval(this.#healthTimer)
    this.#initializing = undefined
    this.#registration = null
    await this.#server.disconnect()
    this.emit('shutdown')
  }

  async #registerTony(): Promise<AgentRegistration> {
    const capabilities = capabilitiesByType['tech-lead'] ?? []
    const registration = await this.#server.registerAgent({ name: 'tony', type: 'tech-lead', capabilities })
    this.#registration = registration
    this.#healthTimer = setInterval(() => void this.#emitHealth(), this.#healthMs)
    this.#healthTimer.unref()
    this.emit('initialized', registration)
    return registration
  }

  async #emitHealth(): Promise<void> {
    await this.#server.getHealthStatus().then(
      (health) => this.emit('healthUpdate', health),
      (error: unknown) => this.listenerCount('error') > 0 && this.emit('error', error),
    )
  }

  #requireRegistration(): AgentRegistration {
    if (!this.#registration) throw notInitializedError()
    return this.#registration
  }
}

/**
 * Tony's integration of this process. The environment names its server.
 * @example await tonyMCP.initialize()
 */
export const tonyMCP: TonyMCPIntegration = new TonyMCPIntegration()

/**
 * Initializes Tony and deploys one agent each for implementation, qa, security and documentation.
 * Rejects with instructions if there is no server.
 * @example const { tony, agents, health } = await initializeTonyMCP()
 */
export async function initializeTonyMCP(): Promise<{
  tony: AgentRegistration
  agents: AgentRegistration[]
  health: HealthStatus
}> {
  await tonyMCP.initialize()
  const tony = tonyMCP.getRegistration()
  if (!tony) throw notInitializedError()
  const agents = await Promise.all(defaultTypes.map((type) => tonyMCP.deployAgent(type)))
  return { tony, agents, health: await minimalMCPServer.getHealthStatus() }
}
