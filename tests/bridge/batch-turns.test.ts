import { McpServer } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Fixtures } from './fixtures.ts'

const size = 100

/** A server of one tool that calls `onCall`. */
function serverOf(onCall: () => void): McpServer {
  const server = new McpServer({ name: 'one tool', version: '1.0.0' })
  server.registerTool('note', { description: 'calls the test' }, () => {
    onCall()
    return { content: [{ type: 'text', text: 'noted' }] }
  })
  return server
}

test('a heartbeat on a socket is answered in the midst of a batch of tool calls', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  let beatenAt: number | undefined
  let calls = 0
  const onCall = () => {
    calls += 1
    if (calls > 1) return
    void ada.agents.heartbeat({ leases: [] }).then(() => {
      beatenAt = calls
    })
  }
  await using fixtures = await Fixtures.open(server, () => serverOf(onCall))
  const batch = Array.from({ length: size }, (_, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'note', arguments: {} },
  }))
  const response = await fetch(fixtures.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(batch),
  })
  expect(JSON.parse(await response.text())).toHaveLength(size)
  expect(calls).toBe(size)
  expect(beatenAt).toBeLessThan(size)
})
