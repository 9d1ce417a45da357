import { useQuery } from '@tanstack/react-query'
import type { AgentInfo } from '@tony/mcp-client'
import { useSession } from '../session/session.ts'
import { shortId } from '../ui/format.ts'
import { useInvalidation } from './use-feed.ts'

/** Number of agents that the pages know by name. */
const agentLimit = 500

export const agentsKey = ['agents', 'list'] as const

/** Reads the agents of the project, and reads them again after an event about one of them. */
export function useAgents() {
  const { client } = useSession()
  useInvalidation(agentsKey, /^agent\./, 1_000)
  return useQuery({ queryKey: agentsKey, queryFn: () => client.agents.list({ limit: agentLimit }) })
}

/** Returns a function from the id of an agent to its name. */
export function useNames(): (agentId: string | null) => string {
  const { data } = useAgents()
  const names = new Map<string, string>(data?.agents.map(({ id, name }: AgentInfo) => [id, name]))
  return (agentId) => (agentId === null ? 'operator' : (names.get(agentId) ?? shortId(agentId)))
}
