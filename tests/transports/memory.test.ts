import { afterAll, beforeAll, expect, test } from 'vitest'
import { metric } from '../support/metrics.ts'
import { MeasuredServer, mebibyte } from './large.ts'
import type { Wire } from './wire.ts'

/** Close to the largest frame, and so to the largest task and message. */
const megabyte = 'x'.repeat(1_000_000)

const server = new MeasuredServer()

beforeAll(async () => {
  await server.start()
  const wire = await server.connect()
  await wire.call('tasks.create', 'mutation', { type: 'code', metadata: { megabyte } })
  await wire.call('agents.register', 'mutation', { name: 'ada', type: 'implementation' })
  await wire.call('messages.send', 'mutation', { to: 'ada', type: 'note', payload: megabyte })
  wire[Symbol.dispose]()
  await server.stop()
  server.multiply('tasks', 499)
  server.multiply('messages', 9)
}, 120_000)
afterAll(() => server[Symbol.asyncDispose]())

interface Page {
  readonly tasks: readonly unknown[]
  readonly nextCursor: string | null
}

/** Reads `pages` pages from a cursor on, and returns the number of tasks in them. */
async function readPages(wire: Wire, from: number, pages: number): Promise<number> {
  let cursor: string | null = String(from)
  let tasks = 0
  for (let page = 0; page < pages && cursor !== null; page += 1) {
    const { result } = await wire.call('tasks.list', 'query', { cursor, limit: 500 })
    // The reply has the form that the protocol documents.
    const data = result?.data as Page
    tasks += data.tasks.length
    cursor = data.nextCursor
    wire.forget()
  }
  return tasks
}

test('16 readers of all pages of 500 tasks of 1 MB make the memory of the server grow by less than 64 MB', async () => {
  await server.start()
  const readers = await Promise.all(Array.from({ length: 16 }, () => server.connect()))
  // One reader runs first. After it, the heap has the amount of garbage that the collector
  // tolerates.
  for (const reader of readers.slice(0, 1)) await readPages(reader, 0, 64)
  const before = server.settled()
  const each = await Promise.all(readers.map((reader, index) => readPages(reader, index * 32, 32)))
  const grown = (server.peak - before) / mebibyte
  for (const reader of readers) reader[Symbol.dispose]()
  expect(each.reduce((all, tasks) => all + tasks, 0)).toBe(500)
  expect(grown).toBeLessThan(64)
}, 120_000)

test('20 callers that read no reply cost the server less than 2 MB each, and all are cut off with a reason', async () => {
  await server.start()
  const callers = await Promise.all(Array.from({ length: 20 }, () => server.connect()))
  const before = await server.inUse()
  for (const caller of callers) {
    caller.ws.pause()
    caller.send(
      Array.from({ length: 250 }, (_, id) => ({ id, method: 'query', params: { path: 'messages.list', input: {} } })),
    )
  }
  const used: number[] = []
  const cutOff = async () => {
    used.push(await server.inUse())
    return metric(server.url, 'tony_slow_consumers_total')
  }
  await expect.poll(cutOff, { timeout: 60_000, interval: 500 }).toBe(20)
  for (const caller of callers) caller.ws.resume()
  // The close frame waits a second for a caller that starts to read.
  for (const { code } of await Promise.all(callers.map(({ closed }) => closed))) expect([1013, 1006]).toContain(code)
  expect((Math.max(...used) - before) / 20).toBeLessThan(2_000_000)
}, 120_000)
