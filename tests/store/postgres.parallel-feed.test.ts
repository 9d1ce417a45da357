import type { Client, LeasedTask } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { leaseOf } from '../api/given.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { type TestAgent, TestServer } from '../support/server.ts'
import { below, codeOf, inOneBatch } from './one-batch.ts'

type Call = () => Promise<unknown>

const once = { once: true } as const

/** Pairs of tasks and a task that waits for both, each of them claimed by an agent. */
async function claimPairs(lead: Client, agents: readonly TestAgent[], pairs: number) {
  for (const pair of below(pairs)) {
    await lead.tasks.createMany({
      tasks: [
        { key: 'a', type: 'work', title: `needed ${pair}` },
        { key: 'b', type: 'work', title: `needed ${pair}` },
        { type: 'work', title: `waiting ${pair}`, dependsOn: ['a', 'b'] },
      ],
    })
  }
  const held: [TestAgent, LeasedTask][] = []
  for (const agent of agents) for (const task of (await agent.tasks.claim({ limit: 1 })).tasks) held.push([agent, task])
  return held
}

/** The positions of each event of a type in the feed, by task. */
function positionsOf(server: TestServer, type: string): Map<string, number> {
  const rows = server.query<{ seq: number; subject: string }>(
    `select seq, subject from event_log where type = '${type}' order by seq`,
  )
  return new Map(rows.map(({ seq, subject }) => [subject, seq]))
}

/** Returns the claims, unblocks and completions that come before what made them possible. */
function inversionsIn(server: TestServer): string[] {
  const [created, claimed] = [positionsOf(server, 'task.created'), positionsOf(server, 'task.claimed')]
  const [unblocked, completed] = [positionsOf(server, 'task.unblocked'), positionsOf(server, 'task.completed')]
  const edges = server.query<{ task_id: string; depends_on_id: string }>('select * from task_dependencies')
  const isAfter = (later: number | undefined, earlier: number | undefined) =>
    later === undefined || (earlier !== undefined && earlier < later)
  return [
    ...[...claimed].flatMap(([task, seq]) => (isAfter(seq, created.get(task)) ? [] : [`claimed ${task}`])),
    ...edges.flatMap(({ task_id: task, depends_on_id: needed }) => [
      ...(isAfter(unblocked.get(task), completed.get(needed)) ? [] : [`unblocked ${task}`]),
      ...(isAfter(claimed.get(task), unblocked.get(task)) ? [] : [`claimed ${task} before its dependency`]),
    ]),
  ]
}

describe.skipIf(postgresServer === undefined)('tasks in a batch', () => {
  test('that other calls of it create or unblock are claimed after that in the feed', async () => {
    await using database = await Database.create()
    await using server = await TestServer.start({
      postgres: { url: database.url, pooler: false },
    })
    const lead = server.connect()
    const agents: TestAgent[] = []
    for (const index of below(12)) agents.push(await server.agent(`agent ${index}`))
    for (const round of below(3)) {
      const held = await claimPairs(lead, agents.slice(0, 6), 3)
      // Nothing is claimable yet: the first ones claim tasks that others create and unblock.
      const claims = agents.slice(6).map((agent) => () => agent.tasks.claim({ limit: 1 }, once))
      const ends = held.map(([agent, task], index) => () => {
        // The first of a pair has more to store, so the second has ended before it.
        const artifacts = below(index % 2 === 0 ? 3 : 0).map((name) => ({ name: `${name}`, uri: 'file:///log' }))
        return agent.tasks.next({ completed: { ...leaseOf(task), artifacts } }, once)
      })
      const creations = below(3).map((index) => () => lead.tasks.create({ type: 'work', title: `${index}` }, once))
      const calls: Call[] = [...claims, ...ends, ...creations]
      const results = await inOneBatch(server, calls)
      expect(results.map(codeOf)).toEqual(calls.map(() => 'ok'))
      expect(inversionsIn(server)).toEqual([])
      const counts = server.query('select status, count(*) as tasks from tasks group by status order by status')
      // Three created and three unblocked tasks are claimed, by some of the twelve.
      expect(counts).toEqual([
        { status: 'completed', tasks: 12 * round + 6 },
        { status: 'in_progress', tasks: 6 },
      ])
      const leases = server.query<{ id: string; agent_id: string; lease_token: string }>(
        `select id, agent_id, lease_token from tasks where status = 'in_progress'`,
      )
      for (const { id, agent_id, lease_token } of leases) {
        const holder = agents.find((agent) => agent.id === agent_id)
        await holder?.tasks.complete({ taskId: id, leaseToken: lease_token })
      }
    }
  })
})
