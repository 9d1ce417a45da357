import { Client } from 'pg'
import { expect, test } from 'vitest'
import { leaseOf } from '../api/given.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { TestServer } from '../support/server.ts'
import { below, inOneBatch } from './one-batch.ts'

/** Collects the texts that this process sends to PostgreSQL. They are sent unchanged. */
function watchQueries() {
  const texts: string[] = []
  const { query } = Client.prototype
  Client.prototype.query = function (this: Client, ...values: unknown[]) {
    const [first] = values
    texts.push(typeof first === 'string' ? first : String((first as { text?: unknown } | undefined)?.text))
    return Reflect.apply(query, this, values)
  } as typeof query
  const restore = () => {
    Client.prototype.query = query
  }
  return { texts, [Symbol.dispose]: restore }
}

test.skipIf(postgresServer === undefined)(
  'the heartbeats of a batch are as many statements as one, and each extends its own leases',
  { timeout: 120_000 },
  async () => {
    await using database = await Database.create()
    await using server = await TestServer.start({ postgres: { url: database.url } })
    const lead = server.connect()
    const count = 12
    await lead.tasks.createMany({ tasks: below(2 * count).map(() => ({ type: 'code' })) })
    const workers = await Promise.all(
      below(count).map(async (index) => {
        const agent = await server.agent(`worker ${index}`)
        const { tasks } = await agent.tasks.claim({ limit: 2, leaseMs: 60_000 })
        return { agent, leases: tasks.map(leaseOf) }
      }),
    )
    const beats = workers.map(
      ({ agent, leases }) =>
        () =>
          agent.agents.heartbeat({ leases: leases.slice(0, 1) }),
    )
    // The first batch learns the forms of the statements.
    await inOneBatch(server, beats)
    for (const { agent, leases } of workers) await agent.agents.heartbeat({ leases })
    using watched = watchQueries()
    const all = await inOneBatch(
      server,
      workers.map(
        ({ agent, leases }) =>
          () =>
            agent.agents.heartbeat({ leases }),
      ),
    )
    const changes = watched.texts.filter((text) => /^update "(agents|tasks)" /.test(text))
    expect(changes).toHaveLength(2)
    const extended = all.map((result) =>
      result.status === 'fulfilled' ? (result.value as { extended: { taskId: string }[] }).extended : [],
    )
    expect(extended.map((leases) => leases.map(({ taskId }) => taskId))).toEqual(
      workers.map(({ leases }) => leases.map(({ taskId }) => taskId)),
    )
    // Two heartbeats that list one lease of two release the other.
    for (const _ of below(2)) await inOneBatch(server, beats)
    const released = await lead.tasks.list({ status: 'pending' })
    expect(released.tasks).toHaveLength(count)
  },
)
