import { expect, test } from 'vitest'
import { metric } from '../support/metrics.ts'
import { TestServer } from '../support/server.ts'
import { Wire } from './wire.ts'

/** Close to the largest frame, and so to the largest task and message. */
const megabyte = 'x'.repeat(1_000_000)

/** Advances the clock until the server has closed a caller's socket. */
async function cutOff(server: TestServer): Promise<void> {
  while ((await metric(server.url, 'tony_slow_consumers_total')) === 0) server.clock.advance(1_000)
}

const calls = (count: number, path: string, method: 'query' | 'mutation', input: unknown = {}) =>
  Array.from({ length: count }, (_, id) => ({ id, method, params: { path, input } }))

/** Creates tasks of 1 MB each. */
async function createTasks(server: TestServer, count: number): Promise<void> {
  const lead = server.connect()
  for (let index = 0; index < count; index += 1) await lead.tasks.create({ type: 'code', metadata: { megabyte } })
}

test('a caller that reads no reply to its queries is cut off with 1013, and little was read for it', async () => {
  await using server = await TestServer.start()
  await createTasks(server, 2)
  using stalled = await Wire.open(server.url)
  stalled.ws.pause()
  stalled.send(calls(250, 'tasks.list', 'query'))
  await cutOff(server)
  using other = await Wire.open(server.url)
  expect(await other.answers()).toBe(true)
  stalled.ws.resume()
  expect(await stalled.closed).toEqual({ code: 1013, reason: 'CONSUMER_TOO_SLOW' })
  // The buffers of the operating system held a few replies, and the socket one.
  expect(stalled.texts.length).toBeLessThan(20)
  expect(await metric(server.url, 'tony_slow_consumers_total')).toBe(1)
})

test('a caller that reads no reply to its claims gets no task that cannot be sent', async () => {
  await using server = await TestServer.start()
  await createTasks(server, 30)
  const { token } = await server.agent('bob')
  using stalled = await Wire.open(server.url, { connectionParams: { token } })
  stalled.ws.pause()
  stalled.send(calls(30, 'tasks.claim', 'mutation'))
  await cutOff(server)
  const [claimed] = server.query<{ count: number }>(`SELECT count(*) AS count FROM tasks WHERE status = 'in_progress'`)
  stalled.ws.resume()
  expect(await stalled.closed).toEqual({ code: 1013, reason: 'CONSUMER_TOO_SLOW' })
  const sent = stalled.texts.filter((text) => text.includes(megabyte)).length
  expect(sent).toBeLessThan(20)
  expect(Number(claimed?.count) - sent).toBeLessThanOrEqual(1)
})

test('a slow caller that reads gets every reply and is not cut off', async () => {
  await using server = await TestServer.start()
  await createTasks(server, 2)
  using slow = await Wire.open(server.url)
  slow.ws.pause()
  slow.send(calls(40, 'tasks.list', 'query'))
  using other = await Wire.open(server.url)
  expect(await other.answers()).toBe(true)
  server.clock.advance(9_000)
  slow.ws.resume()
  for (let answer = 0; answer < 40; answer += 1) expect((await slow.next()).result?.type).toBe('data')
  server.clock.advance(9_000)
  expect(await slow.answers()).toBe(true)
  expect(await metric(server.url, 'tony_slow_consumers_total')).toBe(0)
})

test('a heartbeat and a completion behind unread replies take effect', async () => {
  await using server = await TestServer.start()
  await createTasks(server, 2)
  const bob = await server.agent('bob')
  const [first, second] = [...(await bob.tasks.claim({})).tasks, ...(await bob.tasks.claim({})).tasks]
  using stalled = await Wire.open(server.url, { connectionParams: { token: bob.token } })
  stalled.ws.pause()
  const leases = [{ taskId: first?.id, leaseToken: first?.leaseToken }]
  stalled.send(calls(20, 'tasks.list', 'query'))
  stalled.send({ id: 30, method: 'mutation', params: { path: 'agents.heartbeat', input: { leases } } })
  const completed = { taskId: second?.id, leaseToken: second?.leaseToken }
  stalled.send({ id: 31, method: 'mutation', params: { path: 'tasks.complete', input: completed } })
  const statusOf = async (taskId = '') => (await server.connect().tasks.get({ taskId })).status
  await expect.poll(() => statusOf(second?.id)).toBe('completed')
  expect(await metric(server.url, 'tony_slow_consumers_total')).toBe(0)
})

test('small calls of one socket are answered during the read of a large page', async () => {
  await using server = await TestServer.start()
  await createTasks(server, 3)
  using wire = await Wire.open(server.url)
  wire.send(calls(30, 'tasks.list', 'query'))
  wire.send({
    id: 'small',
    method: 'mutation',
    params: { path: 'tasks.createMany', input: { tasks: [{ type: 'a' }] } },
  })
  expect((await wire.of('small')).result?.type).toBe('data')
})

test('the calls of one HTTP batch are refused one by one once their replies are too large together', async () => {
  await using server = await TestServer.start()
  await createTasks(server, 1)
  const paths = Array(10).fill('tasks.list').join(',')
  const input = JSON.stringify(Object.fromEntries(Array.from({ length: 10 }, (_, index) => [index, {}])))
  const response = await fetch(`${server.url}/trpc/${paths}?batch=1&input=${encodeURIComponent(input)}`)
  const replies: { error?: { data: { code: string; retryAfterMs: number } } }[] = JSON.parse(await response.text())
  const refused = replies.flatMap(({ error }) => (error ? [error.data] : []))
  expect(refused.length).toBeGreaterThan(2)
  expect(refused.length).toBeLessThan(8)
  for (const { code, retryAfterMs } of refused) expect([code, retryAfterMs]).toEqual(['RATE_LIMITED', 1])
})
