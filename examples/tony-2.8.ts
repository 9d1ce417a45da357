/**
 * A program of Tony 2.8. Only its import was changed, from '@tony/core'. It needs a server: `npm
 * run dev`, or TONY_MCP_SERVER_URL and TONY_TOKEN.
 */
import { initializeTonyMCP, minimalMCPServer, tonyMCP } from '@tony/mcp-client/tony'

tonyMCP.on('agentDeployed', ({ type }) => console.log('deployed', type))
tonyMCP.on('taskAssigned', ({ task }) => console.log('assigned', task.type))

const { tony, agents, health } = await initializeTonyMCP()
console.log(tony.type, 'leads', agents.length, 'agents:', health.status, health.agents.total)

const [implementation] = await minimalMCPServer.getActiveAgents()
if (implementation?.status !== 'idle') throw new Error('expected an idle agent')

const response = await tonyMCP.assignTask(agents[0]?.agentId ?? '', {
  type: 'code.write',
  epic: 'E.001',
  story: 'S.001.01.01',
  description: 'Write the parser',
  priority: 'high',
})
console.log('accepted:', response.result.accepted)

await tonyMCP.broadcastCoordination({ action: 'start', phase: 'development', agents: ['implementation', 'qa'] })

for (const status of await tonyMCP.getAgentStatuses()) console.log(status.name, status.state)

try {
  await tonyMCP.assignTask('nobody', { test: true })
} catch (error) {
  console.log(error instanceof Error ? error.message : error)
}

await tonyMCP.shutdown()
