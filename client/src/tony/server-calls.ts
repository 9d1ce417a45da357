import type { Client } from '../api/client.ts'
import { isRecord } from '../api/is-record.ts'
import { toAgentInfo, tonyStatusOf, toServerMessage } from './conversions.ts'
import type {
  AgentInfo,
  AgentMessage,
  AgentMetrics,
  AgentStatus,
  HealthStatus,
  MCPRequest,
  MCPResponse,
} from './shapes.ts'

const requestTimeouts = { byDefault: 30_000, shortest: 100, longest: 60_000 }

/**
 * Returns the plugin that the params of `plugin.execute` name. Several plugins have that
 * capability, so the method alone does not choose one.
 */
const pluginNameOf = ({ method, params }: MCPRequest): string | undefined =>
  method === 'plugin.execute' && isRecord(params) && typeof params['plugin'] === 'string' ? params['plugin'] : undefined

/**
 * Routes a request. Its id is not used as an idempotency key, because programs of Tony 2.8 count
 * from the same number in each run.
 */
export async function routeRequest(client: Client, request: MCPRequest): Promise<MCPResponse> {
  const { method, params, agentId = pluginNameOf(request), id, timeout = requestTimeouts.byDefault } = request
  const answer = await client.requests.route({
    method,
    ...(params === undefined ? {} : { params }),
    ...(agentId === undefined ? {} : { target: agentId }),
    timeoutMs: Math.min(requestTimeouts.longest, Math.max(requestTimeouts.shortest, Math.round(timeout))),
  })
  const head = { id: id ?? answer.requestId, success: answer.ok }
  return answer.error ? { ...head, error: answer.error } : { ...head, result: answer.result }
}

export async function listActiveAgents(client: Client): Promise<AgentInfo[]> {
  const active: AgentInfo[] = []
  let cursor: string | undefined
  do {
    const { agents, nextCursor } = await client.agents.list({ limit: 1_000, ...(cursor !== undefined && { cursor }) })
    active.push(...agents.filter(({ status }) => status !== 'offline').map(toAgentInfo))
    cursor = nextCursor ?? undefined
  } while (cursor !== undefined)
  return active
}

export async function getHealth(client: Client): Promise<HealthStatus> {
  const [summary, info] = await Promise.all([client.health.summary(), client.system.info()])
  const { total, byStatus } = summary.agents
  const { requestsHandled, avgResponseTimeMs, errorRate } = summary.metrics
  return {
    status: summary.status,
    version: info.version,
    agents: { total, active: byStatus['active'] ?? 0, idle: byStatus['idle'] ?? 0 },
    uptime: info.uptimeMs,
    timestamp: info.now,
    metrics: {
      requestsHandled: requestsHandled ?? 0,
      avgResponseTime: avgResponseTimeMs ?? 0,
      errorRate: errorRate ?? 0,
    },
  }
}

/** Returns the totals of an agent's last hundred health samples. */
async function getAgentMetrics(client: Client, agent: string): Promise<AgentMetrics> {
  const { samples } = await client.health.history({ agent, limit: 100 })
  let [handled, spentMs] = [0, 0]
  for (const { requestsHandled, avgResponseTimeMs } of samples) {
    handled += requestsHandled ?? 0
    spentMs += (requestsHandled ?? 0) * (avgResponseTimeMs ?? 0)
  }
  const errorRate = samples.find((sample) => sample.errorRate !== null)?.errorRate ?? 0
  return { requestsHandled: handled, avgResponseTime: handled === 0 ? 0 : spentMs / handled, errorRate }
}

/**
 * Returns the status of an agent. Rejects with "Agent {id} not found" if it is unknown or has left.
 */
export async function getAgentStatus(client: Client, agent: string): Promise<AgentStatus> {
  const { id, name, type, status, lastActivityAt } = await client.agents.get({ agent })
  const [metrics, { tasks }] = await Promise.all([
    getAgentMetrics(client, id),
    client.tasks.list({ claimedBy: id, status: 'in_progress', limit: 1 }),
  ])
  const currentTask = tasks[0]?.id
  return {
    agentId: id,
    name,
    type,
    state: tonyStatusOf(status),
    lastActivity: lastActivityAt,
    ...(currentTask === undefined ? {} : { currentTask }),
    metrics,
  }
}

export async function sendMessage(client: Client, message: AgentMessage): Promise<void> {
  await client.messages.send(toServerMessage(message))
}
