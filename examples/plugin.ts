/**
 * Hosts a plugin and sends a request to it. It needs a server: `npm run dev`, or TONY_MCP_URL and
 * TONY_TOKEN.
 */
import { definePlugin, runPlugin } from '@tony/mcp-client/plugin'
import { MCPNetworkClient } from '@tony/mcp-client/tony'

interface Reviewing {
  'review.lines': { params: { lines: string[] }; result: { tooLong: number[] } }
}

const reviewer = definePlugin<Reviewing>({
  name: 'line-reviewer',
  version: '1.0.0',
  description: 'Finds lines that are too long',
  minTonyVersion: '2.8.0',
  onInstall: ({ logger }) => logger.info('installed'),
  onActivate: ({ logger }) => logger.info('active'),
  handlers: {
    'review.lines': ({ lines }) => ({
      tooLong: lines.flatMap((line, index) => (line.length > 20 ? [index + 1] : [])),
    }),
  },
})

const running = await runPlugin(reviewer)

const caller = new MCPNetworkClient()
const { result } = await caller.routeRequest({
  method: 'review.lines',
  params: { lines: ['short', 'a line that is much too long'] },
})
console.log('too long:', result.tooLong)

await caller.disconnect()
await running.stop()
