import type {
  AgentConfig,
  AgentInfo,
  AgentMessage,
  AgentRegistration,
  AgentStatus,
  MCP,
  MCPRequest,
  MCPResponse,
  Untyped,
} from '../tony/shapes.ts'

/** Replies to a plugin's requests, by method. An exception becomes the error `HANDLER_FAILED`. */
export type Answers = Readonly<Record<string, (params: Untyped, request: MCPRequest) => unknown>>

/** The calls of a plugin to its server. */
export interface RecordedCalls {
  readonly requests: MCPRequest[]
  readonly messages: AgentMessage[]
  /** Configurations that the plugin has registered as an agent, newest first. */
  readonly registrations: AgentConfig[]
}

const zeroMetrics = { requestsHandled: 0, avgResponseTime: 0, errorRate: 0 }

const errorTextOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const testAgentId = 'plugin-under-test'

/** Returns a value as it arrives over the wire. */
const jsonCopyOf = (value: unknown): Untyped => JSON.parse(JSON.stringify(value ?? null))

const toAgentInfoAt =
  (now: string) =>
  ({ name, type, capabilities, metadata = {} }: AgentConfig): AgentInfo => ({
    id: testAgentId,
    agentId: testAgentId,
    name,
    type,
    status: 'idle',
    capabilities,
    registeredAt: now,
    lastActivity: now,
    metadata,
  })

/**
 * Creates a server in memory for the tests of a plugin. Its only agent is the plugin's. It replies
 * with the given answers and fails with the errors of the real server.
 */
export function createMemoryMCP(answers: Answers, recorded: RecordedCalls, now: string): MCP {
  const info = toAgentInfoAt(now)
  const registeredAgents = (): AgentInfo[] => recorded.registrations.slice(0, 1).map(info)
  const answer = async (request: MCPRequest): Promise<MCPResponse> => {
    const { method, params = null, agentId, id = crypto.randomUUID() } = request
    const handler = Object.hasOwn(answers, method) ? answers[method] : undefined
    if (!handler)
      throw new Error(
        agentId === undefined ? `No agents available for method: ${method}` : `Agent ${agentId} not found`,
      )
    try {
      return { id, success: true, result: jsonCopyOf(await handler(jsonCopyOf(params), request)) }
    } catch (error) {
      return { id, success: false, error: { code: 'HANDLER_FAILED', message: errorTextOf(error) } }
    }
  }
  return {
    registerAgent: async (config): Promise<AgentRegistration> => {
      recorded.registrations.unshift(config)
      return { ...info(config), token: 'none', expiresAt: now }
    },
    unregisterAgent: async (agentId) => {
      throw new Error(`Agent ${agentId} not found`)
    },
    routeRequest: async (request) => {
      recorded.requests.push(jsonCopyOf(request))
      return answer(request)
    },
    getAgentStatus: async (agentId): Promise<AgentStatus> => {
      const [agent] = registeredAgents().filter(({ name, id }) => agentId === name || agentId === id)
      if (!agent) throw new Error(`Agent ${agentId} not found`)
      const { name, type, lastActivity } = agent
      return { agentId: testAgentId, name, type, state: 'idle', lastActivity, metrics: zeroMetrics }
    },
    getHealthStatus: async () => {
      const agents = { total: registeredAgents().length, active: 0, idle: registeredAgents().length }
      return { status: 'healthy', version: '0.0.0', agents, uptime: 0, timestamp: now, metrics: zeroMetrics }
    },
    getActiveAgents: async () => registeredAgents(),
    broadcastMessage: async (message) => {
      recorded.messages.push(jsonCopyOf(message))
    },
  }
}
