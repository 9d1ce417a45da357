/** A value that Tony 2.8 leaves untyped. Its programs read fields of it without a check. */
export type Untyped = ReturnType<typeof JSON.parse>

/** An agent to register. */
export interface AgentConfig {
  /** Unique in the project: 1–128 characters without control characters, `:` and `*`. */
  readonly name: string
  /**
   * `tech-lead`, `implementation`, `qa`, `security`, `documentation`, or any word of 1–200
   * characters.
   */
  readonly type: string
  /** Skills of the agent, at most 64. */
  readonly capabilities: readonly string[]
  /** The caller's own id for the agent, valid in this process. The server assigns another id. */
  readonly id?: string
  /** The same as `id`. */
  readonly agentId?: string
  /** Role of the agent. Default: by type, `observer` for an unknown type. */
  readonly role?: 'observer' | 'tester' | 'developer' | 'tech-lead'
  /** Any JSON object. Default: empty. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** The registration of an agent. */
export interface AgentRegistration {
  /** Id of the agent, assigned by the server. */
  readonly agentId: string
  /** The same as `agentId`. */
  readonly id: string
  /** The access token of the agent. */
  readonly token: string
  /** The name of the configuration, with a suffix if another agent of the project has it. */
  readonly name: string
  readonly type: string
  /** Status of the agent, with the values of `AgentStatus.state`. */
  readonly status: string
  readonly capabilities: readonly string[]
  /** Time of the registration, in ISO 8601. */
  readonly registeredAt: string
  /** Expiry of `token`, in ISO 8601. The connection refreshes the token in time. */
  readonly expiresAt: string
}

/** A request to an agent. */
export interface MCPRequest {
  /** The method, which is a capability of the agent to ask. */
  readonly method: string
  /** Any JSON value. Default: none. */
  readonly params?: Untyped
  /**
   * Id or name of the agent to ask. Default: the least busy agent with `method` as a capability.
   */
  readonly agentId?: string
  /** Id of the response. Default: assigned by the server. */
  readonly id?: string
  /** Sender of the request; set by the server, ignored in a call. */
  readonly from?: string
  /** Accepted and ignored. */
  readonly priority?: string
  /** Deadline for the reply, in milliseconds: 100 to 60 000, default 30 000. */
  readonly timeout?: number
}

/** The error of a response. */
export interface MCPError {
  /** A word of the agent that replied; `HANDLER_FAILED` if its handler threw. */
  readonly code: string
  readonly message: string
}

/** The response to a request: a result or an error. */
export interface MCPResponse {
  /** Id of the request. */
  readonly id?: string
  /** False for an error. */
  readonly success?: boolean
  readonly result?: Untyped
  readonly error?: MCPError
}

/** Totals of an agent or of the project. */
export interface AgentMetrics {
  /** Number of handled requests; for an agent, in its last hundred health samples. */
  readonly requestsHandled: number
  /** Mean handling time, in milliseconds. */
  readonly avgResponseTime: number
  /** Share of failures: 0–1. */
  readonly errorRate: number
}

/** The current status of an agent. The word for it is in `state`. */
export interface AgentStatus {
  readonly agentId: string
  readonly name: string
  readonly type: string
  /** `idle`, `active` (has a lease), `busy` (is draining) or `offline`. */
  readonly state: string
  /** Time of the last activity, in ISO 8601. */
  readonly lastActivity: string
  /** Id of a task that the agent works on; undefined if there is none. */
  readonly currentTask?: string
  readonly metrics: AgentMetrics
}

/**
 * An agent in a list. The word for its status is in `status`, with the values of
 * `AgentStatus.state`.
 */
export interface AgentInfo {
  readonly id: string
  readonly agentId: string
  readonly name: string
  readonly type: string
  readonly status: string
  readonly capabilities: readonly string[]
  /** Time of the registration, in ISO 8601. */
  readonly registeredAt: string
  /** Time of the last activity, in ISO 8601. */
  readonly lastActivity: string
  readonly metadata: Readonly<Record<string, unknown>>
}

/** The health of the project and the server. */
export interface HealthStatus {
  readonly status: 'healthy' | 'degraded' | 'unhealthy'
  /** Version of the server. */
  readonly version: string
  /** Numbers of agents: all, with a lease, and without one. */
  readonly agents: { readonly total: number; readonly active: number; readonly idle: number }
  /** Time since the start of the server, in milliseconds. */
  readonly uptime: number
  /** Time of the reply, in ISO 8601. */
  readonly timestamp: string
  readonly metrics: AgentMetrics
}

/** A message to agents. */
export interface AgentMessage {
  /** Sender of the message; set by the server, ignored in a call. */
  readonly from?: string
  /** Id or name of an agent, `role:…` or `topic:…`. `all`, `*` or no value means every agent. */
  readonly to?: string
  /** Type of the message. Default `broadcast`. */
  readonly type?: string
  /** Payload of the message, any JSON value. */
  readonly content?: Untyped
  /** Takes precedence over `content`. */
  readonly payload?: Untyped
  /** `critical`, `urgent`, `high`, `normal`, `medium` or `low`. Any other word is `normal`. */
  readonly priority?: string
  /** Accepted and ignored. */
  readonly timestamp?: string
}

/** A task to assign. Every field is optional, and other keys are kept. */
export interface TonyTask {
  readonly type?: string
  readonly epic?: string
  readonly story?: string
  readonly title?: string
  readonly description?: string
  readonly priority?: string
  readonly [key: string]: unknown
}

/** The server in the form of Tony 2.8, for programs and for plugins. */
export interface MCP {
  /** Registers an agent. In a plugin, configures the plugin's agent. */
  registerAgent(config: AgentConfig): Promise<AgentRegistration>
  /** Unregisters an agent. Rejects with "Agent {id} not found". */
  unregisterAgent(agentId: string): Promise<void>
  /**
   * Sends a request to an agent and waits for the response, which may be an `error`. Rejects with
   * "Agent {id} not found" or "No agents available for method: {method}". A `plugin.execute`
   * without `agentId` goes to the plugin named in `params.plugin`.
   */
  routeRequest(request: MCPRequest): Promise<MCPResponse>
  /** Returns the status of an agent. Rejects with "Agent {id} not found". */
  getAgentStatus(agentId: string): Promise<AgentStatus>
  /** Returns the health of the project. */
  getHealthStatus(): Promise<HealthStatus>
  /** Returns the live agents. */
  getActiveAgents(): Promise<AgentInfo[]>
  /** Sends a message, by default to every agent. */
  broadcastMessage(message: AgentMessage): Promise<void>
}
