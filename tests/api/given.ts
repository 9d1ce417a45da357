import type { Client, Delivery, LeasedTask } from '@tony/mcp-client'
import type { TestServer } from '../support/server.ts'

type Claim = NonNullable<Parameters<Client['tasks']['claim']>[0]>
type Receive = NonNullable<Parameters<Client['messages']['receive']>[0]>

/** Returns the one task of a claim; fails the test if there is none. */
export async function claimOne(agent: Client, input: Claim = {}): Promise<LeasedTask> {
  const {
    tasks: [task],
  } = await agent.tasks.claim(input)
  if (!task) throw new Error('expected a task, there was none')
  return task
}

export const leaseOf = ({ id, leaseToken }: LeasedTask) => ({ taskId: id, leaseToken })

/** Returns the next message of an inbox; fails the test if there is none. */
export async function receiveOne(agent: Client, input: Receive = {}): Promise<Delivery> {
  const {
    messages: [message],
  } = await agent.messages.receive({ ...input, limit: 1 })
  if (!message) throw new Error('expected a message, there was none')
  return message
}

export const receiptOf = ({ id, receipt }: Delivery) => ({ messageId: id, receipt })

/** Reads rows from the database without the server. */
export function rows<T>(server: TestServer, sql: string, ...params: string[]): T[] {
  return server.query<T>(sql, params)
}

/** Changes the database without the server. */
export function tamper(server: TestServer, sql: string): void {
  server.execute(sql)
}

/** Returns a function that reads `count` further items of a subscription and does not end it. */
export function reading<T>(subscription: AsyncIterable<T>): (count: number) => Promise<T[]> {
  const iterator = subscription[Symbol.asyncIterator]()
  return async (count) => {
    const things: T[] = []
    while (things.length < count) {
      const next = await iterator.next()
      if (next.done) throw new Error(`the subscription ended after ${things.length} of ${count}`)
      things.push(next.value)
    }
    return things
  }
}

/** Keeps the writer of a project busy until `free` is called. One operation of `lane` waits. */
export async function occupy({ parts: { store } }: TestServer, project: string, lane: 'normal' | 'bulk' = 'normal') {
  const [begun, blocked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const long = store.transact({ project }, () => {
    begun.resolve()
    return blocked.promise
  })
  await begun.promise
  const free = async () => {
    blocked.resolve()
    await long
  }
  return {
    /** Something that waits, so that there is an age. */
    waiting: store.transact({ project, lane }, () => Promise.resolve()),
    free,
    // A test that fails must not leave a server that cannot end.
    [Symbol.asyncDispose]: free,
  }
}
