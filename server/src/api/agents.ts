import {
  agent,
  agentGetInput,
  agentHeartbeatInput,
  agentHeartbeatOutput,
  agentListInput,
  agentListOutput,
  agentRegisterInput,
  agentRegisterOutput,
  agentUnregisterInput,
  agentUnregisterOutput,
} from '@tony/mcp-shared/agents'
import { getAgent } from '../agents/get.ts'
import { heartbeat } from '../agents/heartbeat.ts'
import { listAgents } from '../agents/list.ts'
import { registerAgent } from '../agents/register.ts'
import { unregisterAgent } from '../agents/unregister.ts'
import { mutation, query, router } from './procedure.ts'

export const agents = router({
  register: mutation(
    {
      permission: 'agents:register',
      cost: 5,
      rest: { method: 'POST', path: '/api/agents/register' },
      input: agentRegisterInput,
      output: agentRegisterOutput,
    },
    registerAgent,
  ),
  heartbeat: mutation(
    { permission: 'agents:heartbeat', repeatable: true, input: agentHeartbeatInput, output: agentHeartbeatOutput },
    heartbeat,
  ),
  get: query({ permission: 'agents:read', input: agentGetInput, output: agent }, getAgent),
  list: query({ permission: 'agents:read', cost: 2, input: agentListInput, output: agentListOutput }, listAgents),
  unregister: mutation(
    { permission: 'agents:leave', input: agentUnregisterInput, output: agentUnregisterOutput },
    unregisterAgent,
  ),
})
