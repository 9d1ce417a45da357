import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

/**
 * A host with a bridge as its child process. It takes a task, prints the ids of the task and of the
 * bridge, and then waits until it is killed.
 */
const [, , program = '', url = '', stateDir = ''] = process.argv
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [program, 'mcp'],
  env: { TONY_MCP_URL: url, TONY_MCP_STATE_DIR: stateDir },
})
const client = new Client({ name: 'child-host', version: '1.0.0' })
await client.connect(transport)
const { structuredContent, content } = await client.callTool({ name: 'next_task', arguments: {} })
process.stdout.write(`took ${JSON.stringify(structuredContent ?? content)}\n`)
process.stdout.write(`bridge ${transport.pid}\n`)
process.stdin.resume()
