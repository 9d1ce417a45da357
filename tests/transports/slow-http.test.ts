import { once } from 'node:events'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { metric } from '../support/metrics.ts'
import { TestServer } from '../support/server.ts'
import { tcp } from './wire.ts'

const text = 'x'.repeat(15_000)

const slowConsumers = (url: string): Promise<number> => metric(url, 'tony_slow_consumers_total')

const start = () => TestServer.start({ limits: { socketBufferBytes: 16_384 } })

/** Creates a task of 900 kB. */
async function createLargeTask(server: TestServer): Promise<void> {
  await server.connect().tasks.create({ type: 'code', metadata: { text: text.repeat(60) } })
}

const get = (path: string, accept = '*/*') => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: ${accept}\r\n\r\n`

const post = (path: string, body: unknown) => {
  const text = JSON.stringify(body)
  const headers = ['Host: 127.0.0.1', 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`]
  return `POST ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${text}`
}

/** Sends requests on one connection and reads nothing. */
async function stalledCaller(server: TestServer, requests: readonly string[]): Promise<Socket> {
  const socket = await tcp(server.url)
  socket.pause()
  socket.write(requests.join(''))
  return socket
}

/** Lets time pass until the server has cut a caller off, and then lets the caller read. */
async function cutOff(server: TestServer, socket: Socket): Promise<void> {
  // On a busy machine the server writes the replies for so long that it refuses a request for its
  // metrics as too slow, and there is no number.
  while (!((await slowConsumers(server.url)) > 0)) server.clock.advance(1_000)
  socket.resume()
  // A caller that was still sending has noticed before.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  expect(await slowConsumers(server.url)).toBe(1)
}

/** More replies of 900 kB than the buffers of the system hold. */
const many = 24

const listTasks = get('/trpc/tasks.list?input=%7B%7D')

/** The list of the tools has about 25 kB, so the reply to a batch of them has 500 kB. */
const listTools = post(
  '/mcp',
  Array.from({ length: 20 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'tools/list' })),
)

test.each([
  ['/trpc', listTasks],
  ['/mcp', listTools],
])('a caller of %s that does not read its replies is cut off, and counted once', async (_, request) => {
  await using server = await start()
  await createLargeTask(server)
  const socket = await stalledCaller(
    server,
    Array.from({ length: many }, () => request),
  )
  await cutOff(server, socket)
})

test('a caller of events.subscribe over HTTP that does not read its events is cut off', async () => {
  await using server = await start()
  const lead = server.connect()
  const title = '漢'.repeat(1_000)
  for (let created = 0; created < 4_000; created += 200)
    await lead.tasks.createMany({ tasks: Array.from({ length: 200 }, () => ({ type: 'code', title })) })
  const input = encodeURIComponent(JSON.stringify({ cursor: 'start' }))
  const socket = await stalledCaller(server, [get(`/trpc/events.subscribe?input=${input}`, 'text/event-stream')])
  await cutOff(server, socket)
})

test('a caller that reads its replies in time gets all of them', async () => {
  await using server = await start()
  await createLargeTask(server)
  const socket = await stalledCaller(
    server,
    Array.from({ length: many }, () => listTasks),
  )
  for (let seconds = 0; seconds < 9; seconds += 1) {
    server.clock.advance(1_000)
    expect(await slowConsumers(server.url)).toBe(0)
  }
  // The last reply is read to its end. Otherwise it still waits at the server, as it has for 9 s.
  let [replies, characters] = [0, 0]
  for await (const chunk of socket) {
    replies += String(chunk).split('HTTP/1.1 200').length - 1
    characters += String(chunk).split('x').length - 1
    if (replies === many && characters >= many * text.length * 60) break
  }
  expect(await slowConsumers(server.url)).toBe(0)
  server.clock.advance(9_000)
  expect(await slowConsumers(server.url)).toBe(0)
})

test('a subscriber over HTTP that reads is not cut off, however long it is open', async () => {
  await using server = await start()
  const socket = await tcp(server.url)
  socket.write(get('/trpc/events.subscribe?input=%7B%7D', 'text/event-stream'))
  await once(socket, 'data')
  for (let seconds = 0; seconds < 60; seconds += 1) {
    server.clock.advance(1_000)
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  }
  expect(await slowConsumers(server.url)).toBe(0)
  socket.destroy()
})
