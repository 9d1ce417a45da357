import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ErrorCode } from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { RestartingServer } from '../support/restarting.ts'

/** A client of the first SDK, with its own timeout of 60 s for a reply. */
async function openClient(server: RestartingServer, headers: Readonly<Record<string, string>> = {}) {
  const client = new OlderClient({ name: 'older', version: '1' })
  const transport: unknown = new OlderTransport(new URL(`${server.url}/mcp`), {
    requestInit: { headers: { ...headers } },
  })
  await client.connect(transport as Parameters<typeof client.connect>[0])
  return client
}

const longest = { name: 'next_task', arguments: { waitSeconds: 43_200 } }

/** The bytes of the reply to a wait, in the pieces in which they arrived. */
async function piecesOf(server: RestartingServer): Promise<string[]> {
  const post = (body: object, headers: Readonly<Record<string, string>>) =>
    fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
    })
  const params = { protocolVersion: '2025-11-25', capabilities: {} }
  const begun = await post({ method: 'initialize', params }, {})
  await begun.text()
  const session = begun.headers.get('mcp-session-id') ?? ''
  const { body } = await post({ method: 'tools/call', params: longest }, { 'mcp-session-id': session })
  const pieces: string[] = []
  for await (const piece of body ?? []) pieces.push(Buffer.from(piece).toString())
  return pieces
}

test('a wait has no byte before its reply, so its caller notices at once that the server was killed', async () => {
  await using server = await RestartingServer.start()
  const caller = await openClient(server, { 'x-tony-max-wait': '50s' })
  const waiting = caller.callTool(longest).then(
    () => 'a reply',
    (error: { readonly code?: unknown }) => error.code,
  )
  // This wait ends after the interval of comments, while the other one goes on.
  const pieces = await piecesOf(server)
  expect(pieces.filter((piece) => piece.startsWith(':'))).toEqual([])
  expect(pieces.join('')).toContain('"task":null')
  await server.restart('SIGKILL')
  const outcome = await waiting
  expect(outcome).not.toBe('a reply')
  expect(outcome).not.toBe(ErrorCode.RequestTimeout)
  await caller.close()
}, 120_000)
