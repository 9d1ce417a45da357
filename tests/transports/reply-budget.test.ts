import { runCall } from '@tony/mcp-server/api/pipeline'
import { appRouter } from '@tony/mcp-server/api/router'
import type { Connection } from '@tony/mcp-server/guards/call'
import { PageSlots, ReplyBudget, type ReplyShare } from '@tony/mcp-server/platform/reply-budget'
import { expect, test } from 'vitest'
import { outcomes } from '../store/given.ts'
import { ManualClock } from '../support/clock.ts'
import { TestServer } from '../support/server.ts'
import { connectionOf } from './three-ways.ts'

/** An outlet whose caller reads when the test says so. */
class Unread {
  unsentBytes = 1_000
  #drained = Promise.withResolvers<void>()

  waitForDrain(): Promise<void> {
    return this.#drained.promise
  }

  read(): void {
    this.unsentBytes = 0
    this.#drained.resolve()
  }
}

function given() {
  const outlet = new Unread()
  const budget = new ReplyBudget(new PageSlots(new ManualClock(), 8_388_608), 1_000, outlet)
  const hold = budget.openShare()
  return { outlet, budget, hold }
}

test('two reads of one call that wait for memory both start once the reply of another call has been sent', async () => {
  const { outlet, budget, hold } = given()
  const order: string[] = []
  const reads = ['first', 'second'].map((name) => budget.waitForRoom(hold)?.then(() => order.push(name)))
  outlet.unsentBytes = 0
  budget.openShare().release()
  await Promise.all(reads)
  expect(order).toEqual(['first', 'second'])
})

test('two reads of one call that wait for memory are both refused when the connection is lost', async () => {
  const { budget, hold } = given()
  const reads = outcomes([budget.waitForRoom(hold), budget.waitForRoom(hold)].map((read) => Promise.resolve(read)))
  budget.close()
  expect(await reads).toEqual(['CONSUMER_TOO_SLOW', 'CONSUMER_TOO_SLOW'])
})

/** Keeps the event loop for this long. */
function hold(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Returns how many turns of the event loop had begun at the end of each of six calls. */
async function turnsOfCalls(end: (reply: ReplyShare) => void): Promise<Set<number>> {
  const budget = new ReplyBudget(new PageSlots(new ManualClock(), 8_388_608), 1_000)
  let turns = 0
  const countTurn = () => {
    turns += 1
    counting = setImmediate(countTurn)
  }
  let counting = setImmediate(countTurn)
  const ends = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const reply = budget.openShare()
      await reply.waitForSlot()
      hold(5)
      end(reply)
      reply.release()
      return turns
    }),
  )
  clearImmediate(counting)
  return new Set(ends)
}

test('the reads of one connection that follow each other give the event loop turns', async () => {
  expect((await turnsOfCalls(() => undefined)).size).toBeGreaterThanOrEqual(3)
})

test('a refused call lets the next call of its connection begin in the same turn', async () => {
  expect((await turnsOfCalls((reply) => reply.recordRefusal())).size).toBe(1)
})

/** A budget that keeps its shares. */
class ShownBudget extends ReplyBudget {
  readonly shares: ReplyShare[] = []

  override openShare(): ReplyShare {
    const share = super.openShare()
    this.shares.push(share)
    return share
  }
}

const signal = new AbortController().signal

/** The ways of a query with the id of a task to the guards and to its operation. */
const waysToGuards: Readonly<Record<string, (connection: Connection, budget: ReplyBudget) => Promise<unknown>>> = {
  'the pipeline of sockets': (connection, budget) =>
    runCall({
      ...{ connection, requestId: 'one', path: 'tasks.get', kind: 'query', rawInput: { taskId: 'absent' }, signal },
      replyShare: budget.openShare(),
    }),
  'tRPC over HTTP': (connection, replyBudget) =>
    appRouter.createCaller({ ...connection, replyBudget }).tasks.get({ taskId: 'absent' }),
}

test.each(Object.entries(waysToGuards))(
  'a call that a guard refuses is recorded in its share of the replies, and a failed one is not, through %s',
  async (_, call) => {
    await using server = await TestServer.start()
    const { pageSlots } = server.parts
    const budget = new ShownBudget(pageSlots, 1_000_000)
    for (const token of ['stranger', undefined]) {
      await expect(call(await connectionOf(server, token), budget)).rejects.toThrow()
      // A socket releases the share after it has sent the reply.
      budget.shares.at(-1)?.release()
    }
    expect(budget.shares.map(({ isRefused }) => isRefused)).toEqual([true, false])
  },
)
