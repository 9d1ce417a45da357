import type { AgentIdentity } from '@tony/mcp-tools/tool-session'
import type { Principal } from '../../domain/principal.ts'

type AgentPrincipal = Principal & { readonly agent: NonNullable<Principal['agent']> }

export const isAgentPrincipal = (principal: Principal): principal is AgentPrincipal => principal.agent !== undefined

export const toAgentIdentity = ({ agent, role }: AgentPrincipal): AgentIdentity => ({
  agentId: agent.id,
  name: agent.name,
  role,
})
