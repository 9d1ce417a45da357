// It calls other plugins through the server, as the guide from 2.7 to 2.8 shows.
import { EventEmitter } from 'node:events'

const events = new EventEmitter()
const seen = []
events.on('ran', (name) => seen.push(name))

export default {
  name: 'orchestrator',
  version: '3.0.0-beta.2',
  description: 'Runs plugins one after the other',
  author: 'Tony Team',
  keywords: ['coordination'],
  minTonyVersion: '2.6.0',
  requiredCapabilities: ['file-system', 'git'],
  async saveState() {
    events.emit('ran', 'saveState')
  },
  async loadState() {
    events.emit('ran', 'loadState')
  },
  async execute(context) {
    const { steps } = context.params
    const results = []
    for (const { plugin, params } of steps) {
      const response = await context.mcp.routeRequest({ method: 'plugin.execute', params: { plugin, ...params } })
      results.push(response.error ? { plugin, failed: response.error.message } : { plugin, ...response.result })
      events.emit('ran', plugin)
    }
    const agents = await context.mcp.getActiveAgents()
    return { results, seen, agents: agents.map((agent) => `${agent.name}:${agent.status}`) }
  },
}
