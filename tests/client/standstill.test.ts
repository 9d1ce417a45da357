import type { Socket } from 'node:net'
import { Agent } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

test('a heartbeat without a reply is sent again on another connection, before the socket counts as dead', async () => {
  await using server = await TestServer.start()
  const connections = new Set<Socket>()
  const stopped = new Set<Socket>()
  await using proxy = new TcpProxy(server.url, (near, far) => {
    connections.add(near)
    // A process that stands still accepts what is sent to it and replies nothing.
    near.on('data', (data) => stopped.has(near) || far.write(data))
    far.on('data', (data) => stopped.has(near) || near.write(data))
  })
  await proxy.listen()
  let onBeat: () => void = () => undefined
  const nextBeat = () =>
    new Promise<void>((resolve) => {
      onBeat = resolve
    })
  const agent = await Agent.register({
    url: proxy.url,
    name: 'worker',
    type: 'implementation',
    heartbeatMs: 500,
    timeouts: { pingMs: 3_600_000 },
    onCall: ({ type, path }) => type === 'ok' && path === 'agents.heartbeat' && onBeat(),
  })
  await nextBeat()
  for (const connection of connections) stopped.add(connection)
  const before = connections.size
  await nextBeat()
  expect(connections.size).toBeGreaterThan(before)
  await agent.stop()
})
