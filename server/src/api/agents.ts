import {
  agent,
  agentDrainInput,
  agentGetInput,
  agentHeartbeatInput,
  agentHeartbeatOutput,
  agentListInput,
  agentListOutput,
  agentPauseInput,
  agentPauseOutput,
  agentRegisterInput,
  agentRegisterOutput,
  agentUnregisterInput,
  agentUnregisterOutput,
  agentUpdateInput,
} from '@tony/mcp-shared/agents'
import { drainAgent } from '../operations/agents/drain.ts'
import { getAgent } from '../operations/agents/get.ts'
import { heartbeat } from '../operations/agents/heartbeat.ts'
import { listAgents } from '../operations/agents/list.ts'
import { pauseAgents, resumeAgents } from '../operations/agents/pause.ts'
import { registerAgent } from '../operations/agents/register.ts'
import { unregisterAgent } from '../operations/agents/unregister.ts'
import { updateAgent } from '../operations/agents/update.ts'
import { mutation, query, router } from './procedure.ts'

export const agentsRouter = router({
  register: mutation(
    {
      permission: 'agents:register',
      cost: 5,
      input: agentRegisterInput,
      output: agentRegisterOutput,
    },
    registerAgent,
  ),
  heartbeat: mutation(
    {
      permission: 'agents:heartbeat',
      repeatable: true,
      lane: 'urgent',
      input: agentHeartbeatInput,
      output: agentHeartbeatOutput,
    },
    heartbeat,
  ),
  get: query({ permission: 'agents:read', input: agentGetInput, output: agent }, getAgent),
  list: query({ permission: 'agents:read', cost: 2, input: agentListInput, output: agentListOutput }, listAgents),
  update: mutation(
    { permission: 'agents:update', repeatable: true, input: agentUpdateInput, output: agent },
    updateAgent,
  ),
  pause: mutation(
    { permission: 'agents:run', repeatable: true, input: agentPauseInput, output: agentPauseOutput },
    pauseAgents,
  ),
  resume: mutation(
    { permission: 'agents:run', repeatable: true, input: agentPauseInput, output: agentPauseOutput },
    resumeAgents,
  ),
  drain: mutation({ permission: 'agents:run', repeatable: true, input: agentDrainInput, output: agent }, drainAgent),
  unregister: mutation(
    { permission: 'agents:leave', input: agentUnregisterInput, output: agentUnregisterOutput },
    unregisterAgent,
  ),
})
