/** What Tony 2.8 leaves untyped: its programs read fields of it without asking. */
export type Untyped = ReturnType<typeof JSON.parse>

/** Who is to be registered. */
export interface AgentConfig {
  readonly name: string
  /** `tech-lead`, `implementation`, `qa`, `security`, `documentation`, or any word. */
  readonly type: string
  readonly capabilities: readonly string[]
  /** A name of the caller's own for the agent, good in this process. The id is the server's. */
  readonly id?: string
  readonly agentId?: string
  /** Default: by type; `observer` for a type that is not known. */
  readonly role?: 'observer' | 'tester' | 'developer' | 'tech-lead'
  readonly metadata?: Readonly<Record<string, unknown>>
}

export interface AgentRegistration {
  readonly agentId: string
  /** The same as `agentId`. */
  readonly id: string
  /** The bearer token of the agent. */
  readonly token: string
  /** The name it got: that of its config, with an ending where another agent of the project has it. */
  readonly name: string
  readonly type: string
  readonly status: string
  readonly capabilities: readonly string[]
  /** ISO 8601. */
  readonly registeredAt: string
  /** When `token` ends. The connection takes the next one by itself. */
  readonly expiresAt: string
}

export interface MCPRequest {
  readonly method: string
  readonly params?: Untyped
  /** Id or name of the agent to ask. Without it: an agent that holds `method` as a capability, the least busy of them. */
  readonly agentId?: string
  readonly id?: string
  /** Read only: the server says who asks. */
  readonly from?: string
  readonly priority?: string
  /** How long to wait for the answer, in milliseconds: 100 to 60 000, default 30 000. */
  readonly timeout?: number
}

export interface MCPError {
  readonly code: string
  readonly message: string
}

export interface MCPResponse {
  readonly id?: string
  readonly success?: boolean
  readonly result?: Untyped
  readonly error?: MCPError
}

export interface AgentMetrics {
  /** Of the last hundred reports of the agent. */
  readonly requestsHandled: number
  /** In milliseconds. */
  readonly avgResponseTime: number
  /** 0–1. */
  readonly errorRate: number
}

/** How an agent is: its field is `state`. */
export interface AgentStatus {
  readonly agentId: string
  readonly name: string
  readonly type: string
  /** `idle`, `active` (works on a task), `busy` (is to leave), `offline`. */
  readonly state: string
  /** ISO 8601. */
  readonly lastActivity: string
  /** Id of the task it works on. */
  readonly currentTask?: string
  readonly metrics: AgentMetrics
}

/** Who an agent is: its field is `status`, with the words of `AgentStatus.state`. */
export interface AgentInfo {
  readonly id: string
  readonly agentId: string
  readonly name: string
  readonly type: string
  readonly status: string
  readonly capabilities: readonly string[]
  readonly registeredAt: string
  readonly lastActivity: string
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface HealthStatus {
  readonly status: 'healthy' | 'degraded' | 'unhealthy'
  readonly version: string
  readonly agents: { readonly total: number; readonly active: number; readonly idle: number }
  /** Of the server, in milliseconds. */
  readonly uptime: number
  /** ISO 8601. */
  readonly timestamp: string
  readonly metrics: AgentMetrics
}

export interface AgentMessage {
  /** Read only: the server says who sends. */
  readonly from?: string
  /** Id or name of an agent, `role:…` or `topic:…`. Without it, or with `all` or `*`: every agent. */
  readonly to?: string
  /** Default `broadcast`. */
  readonly type?: string
  readonly content?: Untyped
  /** Goes before `content`. */
  readonly payload?: Untyped
  /** `critical`, `urgent`, `high`, `normal`, `medium`, `low`; any other word is `normal`. */
  readonly priority?: string
  readonly timestamp?: string
}

/** What is assigned. Every field may be missing, and every other is kept. */
export interface TonyTask {
  readonly type?: string
  readonly epic?: string
  readonly story?: string
  readonly title?: string
  readonly description?: string
  readonly priority?: string
  readonly [key: string]: unknown
}

/** The server as Tony 2.8 knows it, and as a plugin is given it. */
export interface MCP {
  registerAgent(config: AgentConfig): Promise<AgentRegistration>
  unregisterAgent(agentId: string): Promise<void>
  /**
   * Asks an agent and waits for its answer, which may be an `error`. Rejects with "Agent {id} not found" and "No agents available
   * for method: {method}". `plugin.execute` without an `agentId` goes to the plugin that `params.plugin` names.
   */
  routeRequest(request: MCPRequest): Promise<MCPResponse>
  getAgentStatus(agentId: string): Promise<AgentStatus>
  getHealthStatus(): Promise<HealthStatus>
  /** The agents that are live. */
  getActiveAgents(): Promise<AgentInfo[]>
  broadcastMessage(message: AgentMessage): Promise<void>
}
