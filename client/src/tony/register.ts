import { TonyError } from '../api/errors.ts'
import { toAgentInfo } from './conversions.ts'
import { type LocalAgent, type LocalAgentOptions, registerLocalAgent } from './local-agent.ts'
import type { AgentConfig, AgentRegistration } from './shapes.ts'

/**
 * Registers an agent under its name, or with a suffix if another agent of the project has that
 * name.
 */
export async function registerWithFreeName(options: LocalAgentOptions): Promise<LocalAgent> {
  try {
    return await registerLocalAgent(options)
  } catch (error) {
    if (!(error instanceof TonyError) || error.code !== 'AGENT_NAME_TAKEN') throw error
    const ending = `-${crypto.randomUUID().slice(0, 8)}`
    return await registerLocalAgent({ ...options, name: `${options.name.slice(0, 128 - ending.length)}${ending}` })
  }
}

/** Returns the registration of an agent. */
export async function loadRegistration({ agent }: LocalAgent): Promise<AgentRegistration> {
  const [{ name, type, status, capabilities, registeredAt }, { expiresAt }] = await Promise.all([
    agent.client.agents.get({ agent: agent.id }).then(toAgentInfo),
    agent.client.auth.whoami(),
  ])
  const { token } = agent.registration
  return {
    agentId: agent.id,
    id: agent.id,
    token,
    name,
    type,
    status,
    capabilities,
    registeredAt,
    expiresAt: expiresAt ?? registeredAt,
  }
}

export const agentProfileOf = ({ name, type, capabilities, role, metadata }: AgentConfig) => ({
  name,
  type,
  capabilities,
  ...(role === undefined ? {} : { role }),
  ...(metadata === undefined ? {} : { metadata }),
})
