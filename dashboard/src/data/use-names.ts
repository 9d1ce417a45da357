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

type NameOf = (agentId: string | null) => string

const noAgents: readonly AgentInfo[] = []

/** The function of each list of agents, so that the rows of a table share one. */
const functions = new WeakMap<readonly AgentInfo[], NameOf>()

function createNameOf(agents: readonly AgentInfo[]): NameOf {
  const names = new Map(agents.map(({ id, name }) => [id, name]))
  return (agentId) => (agentId === null ? 'operator' : (names.get(agentId) ?? shortId(agentId)))
}

/** Returns a function from the id of an agent to its name. It changes only with the agents. */
export function useNames(): NameOf {
  const { data } = useAgents()
  const agents = data?.agents ?? noAgents
  const known = functions.get(agents)
  if (known) return known
  const nameOf = createNameOf(agents)
  functions.set(agents, nameOf)
  return nameOf
}
