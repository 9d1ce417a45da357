#!/usr/bin/env bash
# @mastra/mcp 2.0.0 with @mastra/core 1.71.0: a tool of a server fails in two ways. One of them
# resolves.
#
# Guess before running: `execute` rejects for arguments that the schema of the tool does not allow,
# as it rejects for a result of the server with `isError`.
# Seen: it resolves with an object `{ error: true, message, validationErrors }`, and the server gets
# no call. The reason is "root: must NOT have additional properties", which names no property, so a
# text of the server that names the right argument does not reach the model. A program that only
# awaits `execute` goes on as if the tool had run: it must look for `error` in each result.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund \
  @mastra/mcp@2.0.0 @mastra/core@1.71.0 @modelcontextprotocol/sdk@1.32.2
cat > server.mjs <<'END'
import { appendFileSync } from 'node:fs'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const properties = { count: { type: 'number' } }
const inputSchema = { type: 'object', properties, additionalProperties: false }
const server = new Server({ name: 'counter', version: '1.0.0' }, { capabilities: { tools: {} } })
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [{ name: 'add', inputSchema }] }))
server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
  appendFileSync('calls', 'x')
  if (params.arguments.count < 0) return { isError: true, content: [{ type: 'text', text: 'refused' }] }
  return { content: [{ type: 'text', text: 'added' }] }
})
await server.connect(new StdioServerTransport())
END
cat > run.mjs <<'END'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { MCPClient } from '@mastra/mcp'

const client = new MCPClient({ servers: { counter: { command: 'node', args: ['server.mjs'] } } })
const { counter } = await client.listToolsets()
for (const [name, input] of [
  ['allowed', { count: 1 }],
  ['refused by the server', { count: -1 }],
  ['refused by the client', { count: 1, counts: 2 }],
]) {
  rmSync('calls', { force: true })
  const outcome = await counter.add.execute(input, {}).then(
    ({ error, message = '' }) =>
      `resolves, error ${error}, ${message.includes('must NOT have additional properties')}`,
    () => 'rejects',
  )
  const calls = existsSync('calls') ? readFileSync('calls', 'utf8').length : 0
  console.error(`${name}: ${outcome}, ${calls} calls`)
}
await client.disconnect()
process.exit(0)
END
# The library logs on standard output.
node run.mjs 2>&1 >/dev/null | grep -E '^(allowed|refused by)' > seen
seen=$(cat seen)
echo "@mastra/mcp 2.0.0, node $(node --version)"
echo "$seen"
expected='allowed: resolves, error undefined, false, 1 calls
refused by the server: rejects, 1 calls
refused by the client: resolves, error true, true, 0 calls'
[ "$seen" = "$expected" ] || { echo 'the behaviour changed'; exit 1; }
