import { once } from 'node:events'
import { createServer } from 'node:http'
import { createClient, type StateChange } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'

/** Starts an HTTP server with scripted replies. */
async function answering(answer: (path: string) => { status: number; body: unknown }) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    asked.push(path)
    const { status, body } = answer(path)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const failing = { status: 500, body: { error: { message: 'failed', data: { code: 'INTERNAL' } } } }
const busy = { status: 429, body: { error: { message: 'busy', data: { code: 'RATE_LIMITED' } } } }
const well = { status: 200, body: { result: { data: { name: 'well' } } } }

test('calls without a connection are sent in their order once there is one', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  hop.refuse()
  const client = server.connect({ url: hop.url })
  const titles = Array.from({ length: 50 }, (_, index) => `${index}`)
  const calls = titles.map((title) => client.tasks.create({ type: 'code', title }))
  hop.accept()
  await Promise.all(calls)
  expect((await client.tasks.list({})).tasks.map(({ title }) => title)).toEqual(titles)
})

test('a call beyond the offline queue is refused with OFFLINE_QUEUE_FULL, and those in it are made', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  hop.refuse()
  const client = server.connect({ url: hop.url, offlineQueue: { calls: 3 } })
  const queued = Array.from({ length: 3 }, () => client.tasks.create({ type: 'code' }))
  const refused = await refusal(client.tasks.create({ type: 'code' }))
  expect(refused).toMatchObject({ code: 'OFFLINE_QUEUE_FULL', applied: 'no', details: { calls: 3 } })
  hop.accept()
  await Promise.all(queued)
  await client.tasks.create({ type: 'code' })
  expect((await client.tasks.list({})).tasks).toHaveLength(4)
})

test('the offline queue is limited in bytes too, and an aborted call frees its bytes', async () => {
  await using hop = await Hop.start('http://127.0.0.1:9')
  hop.refuse()
  const client = createClient({ url: hop.url, offlineQueue: { bytes: 1_000 } })
  const large = { type: 'code', description: 'x'.repeat(700) }
  const ending = new AbortController()
  const first = refusal(client.tasks.create(large, { signal: ending.signal }))
  expect(await refusal(client.tasks.create(large))).toMatchObject({ code: 'OFFLINE_QUEUE_FULL' })
  ending.abort()
  expect(await first).toMatchObject({ code: 'CONNECTION_LOST', applied: 'no' })
  expect(await refusal(client.tasks.create(large, { deadlineMs: 20 }))).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  client.close()
})

test('the offline queue counts the bytes of a call in UTF-8, not its characters', async () => {
  await using hop = await Hop.start('http://127.0.0.1:9')
  hop.refuse()
  const client = createClient({ url: hop.url, offlineQueue: { bytes: 1_000 } })
  const large = { type: 'code', description: 'é'.repeat(700) }
  expect(await refusal(client.tasks.create(large, { deadlineMs: 1_000 }))).toMatchObject({ code: 'OFFLINE_QUEUE_FULL' })
  client.close()
})

test('a server with repeated failures is not called for a time, and then tested with one call', async () => {
  let answer = failing as typeof failing | typeof well
  await using server = await answering(() => answer)
  const breaker = { failures: 3, openMs: 60_000 }
  const client = createClient({ url: server.url, calls: 'http', breaker })
  expect(await refusal(client.system.info({}, { deadlineMs: 1_000 }))).toMatchObject({ code: 'CIRCUIT_OPEN' })
  expect(server.asked).toHaveLength(3)
  expect(await refusal(client.system.info({}, { deadlineMs: 50 }))).toMatchObject({
    code: 'CIRCUIT_OPEN',
    applied: 'no',
  })
  expect(server.asked).toHaveLength(3)
  client.close()
  const soon = createClient({ url: server.url, calls: 'http', breaker: { failures: 3, openMs: 100 } })
  const call = soon.tasks.claim({ waitMs: 10_000 })
  while (server.asked.length < 6) await (await fetch(`${server.url}/other`)).text()
  answer = well
  expect(await call).toEqual({ name: 'well' })
  soon.close()
})

test('a refusal between failures of the server ends their row, and the breaker stays closed', async () => {
  const refused = { status: 404, body: { error: { message: 'no', data: { code: 'NOT_FOUND', requestId: 'a' } } } }
  await using server = await answering((path) => (path.includes('tasks.get') ? refused : failing))
  const client = createClient({ url: server.url, calls: 'http', breaker: { failures: 3, openMs: 60_000 } })
  for (let round = 0; round < 4; round += 1) {
    expect(await refusal(client.system.info({}, { once: true }))).toMatchObject({ code: 'INTERNAL' })
    expect(await refusal(client.tasks.get({ taskId: 'a' }))).toMatchObject({ code: 'NOT_FOUND' })
  }
  client.close()
})

test('repetitions beyond the budget wait, and none is refused', async () => {
  await using server = await answering((path) => (path.includes('info') ? busy : well))
  const client = createClient({ url: server.url, calls: 'http', retries: { burst: 5, perSecond: 1 } })
  const calls = Array.from({ length: 10 }, () => refusal(client.system.info({}, { deadlineMs: 1_500 })))
  const outcomes = await Promise.all(calls)
  expect(outcomes.every(({ code, applied }) => code === 'RATE_LIMITED' && applied === 'no')).toBe(true)
  // Ten first attempts, the burst of five repetitions, and the repetitions of two seconds.
  expect(server.asked.length).toBeGreaterThanOrEqual(15)
  expect(server.asked.length).toBeLessThanOrEqual(17)
  client.close()
})

test('a socket without data is closed as dead, and so is one without a reply', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const changes: StateChange[] = []
  const timeouts = { pingMs: 100, pongMs: 100, connectMs: 200 }
  const client = server.connect({ url: hop.url, timeouts })
  const stop = client.connection.onChange((change) => changes.push(change))
  await client.system.info()
  const lost = hop.loseAnswers()
  const call = client.tasks.create({ type: 'code' })
  await lost
  // The next sockets carry no data either.
  while (hop.connections < 3) await (await fetch(`${server.url}/livez`)).text()
  hop.accept()
  await call
  expect((await client.tasks.list({})).tasks).toHaveLength(1)
  stop()
  expect(changes.map(({ state }) => state)).toEqual(expect.arrayContaining(['connecting', 'open']))
  expect(changes.some(({ attempt, retryInMs, reason }) => attempt > 0 && retryInMs > 0 && reason !== undefined)).toBe(
    true,
  )
})

test('an exchange of tokens that an intermediary refuses is not repeated without a pause', async () => {
  const refused = { status: 403, body: { error: { message: 'no', data: { code: 'FORBIDDEN' } } } }
  await using between = await answering(() => refused)
  const session = { token: 'old', refreshToken: 'a', expiresInMs: 1 }
  const client = createClient({ url: between.url, session, deadlineMs: 1_500 })
  expect(await refusal(client.system.info())).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(between.asked.length).toBeLessThan(10)
  client.close()
})

test('a failed exchange is repeated although no call waits for it', async () => {
  const refused = { status: 403, body: { error: { message: 'no', data: { code: 'FORBIDDEN' } } } }
  await using between = await answering(() => refused)
  const session = { token: 'old', refreshToken: 'a', expiresInMs: 300 }
  const client = createClient({ url: between.url, session, calls: 'http', subscriptions: 'sse' })
  await expect.poll(() => between.asked.filter((path) => path === '/api/auth/refresh').length).toBeGreaterThan(2)
  client.close()
})
