import { once } from 'node:events'
import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { rows, tamper } from '../api/given.ts'
import { metric } from '../support/metrics.ts'
import { TestServer, take } from '../support/server.ts'
import { clientFrame, tcp, upgradeRequest, Wire } from './wire.ts'

/** Each character has three bytes, so 200 titles fill most of a frame. */
const title = '漢'.repeat(1_000)

/** Creates events of about 3 kB each. */
async function fill(lead: Client, events: number): Promise<void> {
  for (let made = 0; made < events; made += 200) {
    await lead.tasks.createMany({ tasks: Array.from({ length: 200 }, () => ({ type: 'code', title })) })
  }
}

/** More events than the operating system buffers for one connection. */
const many = 8_000

const mebibyte = 1_048_576

/** Waits until `done`, and advances the clock a little each time the server answers a probe. */
async function until(server: TestServer, stepMs: number, done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) server.clock.advance(stepMs)
}

/** Opens a subscription whose client reads the start of the feed and then stops reading. */
async function stalledSubscriber(server: TestServer): Promise<Wire> {
  const stalled = await Wire.open(server.url)
  stalled.send({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: { cursor: 'start' } } })
  expect((await stalled.next()).result?.type).toBe('started')
  stalled.ws.pause()
  return stalled
}

test('a subscriber that does not read is cut off with 1013, costs little memory and resumes from its cursor', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await fill(lead, many)
  using stalled = await stalledSubscriber(server)
  await until(server, 1_000, async () => (await metric(server.url, 'tony_slow_consumers_total')) === 1)
  using other = await Wire.open(server.url)
  expect(await other.answers()).toBe(true)
  stalled.ws.resume()
  expect(await stalled.closed).toEqual({ code: 1013, reason: 'CONSUMER_TOO_SLOW' })
  const bytes = stalled.texts.reduce((total, text) => total + Buffer.byteLength(text), 0)
  // The client received the buffers of the operating system and one mebibyte. Without a limit it
  // would have received all of it.
  expect(bytes).toBeLessThan((many * 3_000) / 2)
  const cursor = await lastCursor(stalled)
  const resumed = await take(lead.events.subscribe({ cursor }), 3)
  const at = Number(cursor.split('.')[1])
  expect(resumed.map(({ seq }) => seq)).toEqual([at + 1, at + 2, at + 3])
})

async function lastCursor(wire: Wire): Promise<string> {
  const ids = wire.texts
    .map((text) => JSON.parse(text))
    .flatMap(({ result }) => (result?.id ? [String(result.id)] : []))
  const seqs = ids.map((id) => Number(id.split('.')[1]))
  expect(seqs).toEqual(seqs.map((_, index) => index + 1))
  return ids.at(-1) ?? ''
}

test('a subscriber whose unread events are deleted gets CURSOR_EXPIRED, and no later events', async () => {
  await using server = await TestServer.start({ limits: { socketBufferBytes: 65_536 } })
  await fill(server.connect(), many)
  using stalled = await stalledSubscriber(server)
  using other = await Wire.open(server.url)
  expect(await other.answers()).toBe(true)
  tamper(server, 'DELETE FROM event_pages WHERE last < (SELECT max(last) FROM event_pages)')
  const [newest] = rows<{ first: number }>(server, 'SELECT first FROM event_pages')
  stalled.ws.resume()
  for (let seq = 1; ; seq += 1) {
    const { error, result } = await stalled.of(1)
    if (!error) {
      expect(result?.data).toMatchObject({ data: { seq } })
      continue
    }
    expect(error.data).toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(String(Object(error.data['details']).earliest)).toMatch(new RegExp(`\\.${(newest?.first ?? 0) - 1}$`))
    break
  }
})

test('the unread events of one subscriber delay no other', async () => {
  await using server = await TestServer.start({ limits: { socketBufferBytes: 65_536 } })
  const lead = server.connect()
  await fill(lead, many)
  using _ = await stalledSubscriber(server)
  const seen = await take(server.connect().events.subscribe({ cursor: 'start' }), many)
  expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: many }, (_, index) => index + 1))
  expect(await metric(server.url, 'tony_slow_consumers_total')).toBe(0)
})

test('a subscriber that reads again in time is not cut off and misses nothing', async () => {
  await using server = await TestServer.start({ limits: { socketBufferBytes: 65_536 } })
  const lead = server.connect()
  await fill(lead, many)
  using slow = await Wire.open(server.url)
  slow.send({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: { cursor: 'start' } } })
  expect((await slow.next()).result?.type).toBe('started')
  for (let seq = 1; seq <= many; seq += 1) {
    if (seq === 1 || seq === many / 2) {
      slow.ws.pause()
      server.clock.advance(9_000)
      expect(await metric(server.url, 'tony_slow_consumers_total')).toBe(0)
      slow.ws.resume()
    }
    expect((await slow.of(1)).result?.data).toMatchObject({ data: { seq } })
  }
})

test.each([
  [
    'calls',
    clientFrame(1, JSON.stringify({ id: 1, method: 'query', params: { path: 'tasks.list', input: { limit: 500 } } })),
  ],
  ['empty calls', clientFrame(1, JSON.stringify({ id: 1, method: 'query', params: { path: 'x'.repeat(60_000) } }))],
  ['pings', clientFrame(9, 'x'.repeat(125))],
  ['PING frames', clientFrame(1, 'PING')],
])('a client that sends %s and never reads sends no more than its buffer holds', async (_, frame) => {
  await using server = await TestServer.start({ limits: { socketBufferBytes: 16_384, callsInFlight: 8 } })
  const lead = server.connect()
  await fill(lead, 400)
  const socket = await tcp(server.url)
  const upgraded = once(socket, 'data')
  socket.write(upgradeRequest())
  await upgraded
  socket.pause()
  const before = process.memoryUsage().arrayBuffers
  const chunk = Buffer.concat(Array.from({ length: Math.ceil(65_536 / frame.length) }, () => frame))
  let sent = 0
  // The server stops reading, so the client's own buffer fills.
  while (sent < 512 * mebibyte && socket.writableLength < 4 * mebibyte) {
    socket.write(chunk)
    sent += chunk.length
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  }
  expect(sent).toBeLessThan(512 * mebibyte)
  expect(process.memoryUsage().arrayBuffers - before - socket.writableLength).toBeLessThan(64 * mebibyte)
  await until(server, 1_000, async () => (await metric(server.url, 'tony_slow_consumers_total')) === 1)
  socket.destroy()
})
