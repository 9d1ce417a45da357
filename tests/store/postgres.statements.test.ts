import { expect, test } from 'vitest'
import { leaseOf } from '../api/given.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { watchQueries } from '../support/sent-queries.ts'
import { TestServer } from '../support/server.ts'
import { below, inOneBatch } from './one-batch.ts'

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

test.skipIf(postgresServer === undefined)(
  'the tasks of a bulk call are one insert, in their order and with their dependencies',
  { timeout: 120_000 },
  async () => {
    await using database = await Database.create()
    await using server = await TestServer.start({ postgres: { url: database.url } })
    const lead = server.connect()
    const titles = below(60).map((index) => `task ${index}`)
    const tasks = titles.map((title, index) => ({
      type: 'code',
      title,
      key: title,
      dependsOn: index % 2 === 1 ? [`task ${index - 1}`] : [],
    }))
    // The first call learns the form of the statement.
    await lead.tasks.createMany({ tasks })
    using watched = watchQueries()
    const created = await lead.tasks.createMany({ tasks })
    expect(watched.texts.filter((text) => text.startsWith('insert into "tasks"'))).toHaveLength(1)
    const rows = server.query<{ id: string; title: string; status: string }>('select * from tasks order by ord')
    const own = rows.slice(titles.length)
    expect(own.map(({ id }) => id)).toEqual(created.tasks.map(({ id }) => id))
    expect(own.map(({ title }) => title)).toEqual(titles)
    expect(own.map(({ status }) => status)).toEqual(titles.map((_, index) => (index % 2 === 1 ? 'blocked' : 'pending')))
  },
)
