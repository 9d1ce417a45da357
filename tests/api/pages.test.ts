import type { Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer, take } from '../support/server.ts'
import { leaseOf, receiptOf, rows } from './given.ts'

/** A third of a page, and almost a whole page. */
const [third, whole] = [350_000, 1_000_000]

const text = (bytes: number): string => 'x'.repeat(bytes)

async function send(lead: Client, to: string, sizes: readonly number[]): Promise<void> {
  for (const size of sizes) await lead.messages.send({ to, type: 'note', payload: text(size) })
}

const sizesOf = (messages: readonly { readonly payload: unknown }[]): number[] =>
  messages.map(({ payload }) => String(payload).length)

test('receive of large messages hands out one page of them; the rest stays pending and comes next', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  await send(lead, 'bob', [whole, whole, third, third, whole])
  const pages: number[][] = []
  for (const left of [4, 3, 1, 0]) {
    const { messages } = await bob.messages.receive({ limit: 100 })
    pages.push(sizesOf(messages))
    expect(rows(server, `SELECT id FROM messages WHERE status = 'pending'`)).toHaveLength(left)
  }
  expect(pages).toEqual([[whole], [whole], [third, third], [whole]])
})

test('receive of large copies of a fan-out hands out one page of them', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  await send(lead, '*', [third, third, third])
  expect(sizesOf((await bob.messages.receive({ limit: 100 })).messages)).toEqual([third, third])
  expect(sizesOf((await bob.messages.receive({ limit: 100 })).messages)).toEqual([third])
})

test('the inbox subscription continues with the next page of large messages, and acks free the pages after it', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  await send(lead, 'bob', [whole, third, third, third])
  const first = await take(bob.messages.inbox({ maxAckPending: 3 }), 3)
  expect(sizesOf(first)).toEqual([whole, third, third])
  for (const message of first) await bob.messages.ack(receiptOf(message))
  expect(sizesOf(await take(bob.messages.inbox({ maxAckPending: 3 }), 1))).toEqual([third])
})

test('a claim of large tasks takes one page of them, and the rest stays pending', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  for (const size of [third, third, third, whole])
    await lead.tasks.create({ type: 'code', metadata: { text: text(size) } })
  const taken: number[] = []
  for (const pending of [2, 1, 0]) {
    const { tasks } = await bob.tasks.claim({ limit: 32 })
    taken.push(tasks.length)
    expect(rows(server, `SELECT id FROM tasks WHERE status = 'pending'`)).toHaveLength(pending)
    for (const task of tasks) await bob.tasks.complete(leaseOf(task))
  }
  expect(taken).toEqual([2, 1, 1])
})

test('a task that is larger than a page can be read alone and in a list', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const { id } = await lead.tasks.create({ type: 'code', metadata: { text: text(whole) } })
  await lead.tasks.create({ type: 'code' })
  const { tasks } = await bob.tasks.claim({})
  for (const task of tasks) await bob.tasks.complete({ ...leaseOf(task), result: text(whole) })
  expect(JSON.stringify(await lead.tasks.get({ taskId: id })).length).toBeGreaterThan(2 * whole)
  const first = await lead.tasks.list()
  expect(first.tasks.map((task) => task.id)).toEqual([id])
  const second = await lead.tasks.list({ cursor: first.nextCursor ?? '' })
  expect([second.tasks.length, second.nextCursor]).toEqual([1, null])
})

test('orphan results count for the size of a page', async () => {
  await using server = await TestServer.start()
  const [lead, bob, eve] = [server.connect(), await server.agent('bob'), await server.agent('eve')]
  for (let index = 0; index < 2; index += 1) {
    await lead.tasks.create({ type: 'code' })
    const [late] = (await bob.tasks.claim({})).tasks
    await server.advance(60_000)
    await server.advance(200_000)
    expect((await eve.tasks.claim({ leaseMs: 3_600_000 })).tasks).toHaveLength(1)
    if (late) await expect(bob.tasks.complete({ ...leaseOf(late), result: text(whole) })).rejects.toThrow()
  }
  const first = await lead.tasks.list()
  expect(first.tasks.map(({ orphanResults }) => orphanResults.length)).toEqual([1])
  expect((await lead.tasks.list({ cursor: first.nextCursor ?? '' })).tasks).toHaveLength(1)
})
