import { deleteExpiredAgents } from '@tony/mcp-server/sweeps/retention/agents'
import { deleteExpiredWakes } from '@tony/mcp-server/sweeps/retention/wakes'
import { expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import type { TestServer } from '../support/server.ts'
import { rows, tamper } from './given.ts'
import { count, keeping } from './kept.ts'

const minute = 60_000
const rule = { ms: 10 * minute, maxRows: 0 }

/** Inserts wakes of an agent, in the order of the subjects. An `endedAt` of null is an open one. */
function insertWakes(server: TestServer, agentId: string, ends: readonly (number | null)[]): void {
  const [project] = rows<{ id: string }>(server, 'select id from projects')
  const values = ends.map((endedAt, index) => {
    const status = endedAt === null ? 'requested' : 'woken'
    return `('w${index}', '${project?.id}', '${agentId}', 'message', 's${index}', '${status}', ${server.clock.wall()}, ${endedAt})`
  })
  const columns = 'id, project_id, agent_id, reason, subject, status, requested_at, ended_at'
  tamper(server, `insert into wakes (${columns}) values ${values.join()}`)
}

const projectOf = (server: TestServer): string =>
  rows<{ id: string }>(server, 'select id from projects').map(({ id }) => id)[0] ?? ''

test('wakes that ended long ago are deleted, and open and later ones stay', async () => {
  await using server = await keeping({ messages: rule })
  const { id } = await server.agent('ada')
  const now = server.clock.wall()
  insertWakes(server, id, [now - 11 * minute, now - 9 * minute, null])
  await server.sweep()
  expect(rows(server, 'select subject from wakes order by id')).toEqual([{ subject: 's1' }, { subject: 's2' }])
})

test('a transaction deletes 100 expired wakes at most', async () => {
  await using server = await keeping({})
  const { id } = await server.agent('ada')
  const old = server.clock.wall() - 11 * minute
  insertWakes(
    server,
    id,
    upTo(250).map(() => old),
  )
  const run = () => deleteExpiredWakes(server.parts.store, projectOf(server), rule)
  expect([await run(), await run(), await run(), await run()]).toEqual([100, 100, 50, 0])
})

test('the wakes of an agent that unregistered long ago are deleted before it, 100 in a transaction', async () => {
  await using server = await keeping({})
  const ada = await server.agent('ada')
  const now = server.clock.wall()
  insertWakes(
    server,
    ada.id,
    upTo(250).map(() => now),
  )
  await ada.agents.unregister({})
  await server.advance(11 * minute)
  const { store, retentionProgress } = server.parts
  const left: number[][] = []
  for (const _ of upTo(3)) {
    await deleteExpiredAgents(store, projectOf(server), rule, retentionProgress)
    left.push([count(server, 'wakes'), count(server, 'agents')])
  }
  expect(left).toEqual([
    [150, 1],
    [50, 1],
    [0, 0],
  ])
})

const ownedRows = {
  sessions: (server: TestServer, agentId: string, numbers: readonly number[]) =>
    `insert into sessions (id, project_id, agent_id, incarnation, refresh_hash, created_at, refreshed_at)
     values ${numbers.map((n) => `('s${n}', '${projectOf(server)}', '${agentId}', 1, 'h${n}', 1, 1)`).join()}`,
  requests: (server: TestServer, agentId: string, numbers: readonly number[]) =>
    `insert into requests (id, project_id, method, to_agent, message_id, status, created_at, deadline_at)
     values ${numbers.map((n) => `('r${n}', '${projectOf(server)}', 'm', '${agentId}', 'm', 'replied', 1, 1)`).join()}`,
  health_metrics: (_: TestServer, agentId: string, numbers: readonly number[]) =>
    `insert into health_metrics (agent_id, timestamp) values ${numbers.map((n) => `('${agentId}', ${n})`).join()}`,
}

test.each(Object.entries(ownedRows))(
  '%s of such an agent are deleted before it, 100 in a transaction',
  async (table, insertion) => {
    await using server = await keeping({})
    const ada = await server.agent('ada')
    await ada.agents.unregister({})
    await server.advance(11 * minute)
    tamper(server, 'delete from sessions')
    tamper(server, insertion(server, ada.id, upTo(250)))
    const { store, retentionProgress } = server.parts
    const left: number[][] = []
    for (const _ of upTo(3)) {
      await deleteExpiredAgents(store, projectOf(server), rule, retentionProgress)
      left.push([count(server, table), count(server, 'agents')])
    }
    expect(left).toEqual([
      [150, 1],
      [50, 1],
      [0, 0],
    ])
  },
)

test('one transaction shares the limit among the agents whose rows it deletes', async () => {
  await using server = await keeping({})
  const agents = [await server.agent('ada'), await server.agent('bob'), await server.agent('cyd')]
  for (const agent of agents) await agent.agents.unregister({})
  await server.advance(11 * minute)
  tamper(server, 'delete from sessions')
  for (const [index, { id }] of agents.entries())
    tamper(
      server,
      ownedRows.sessions(
        server,
        id,
        upTo(60).map((n) => index * 100 + n),
      ),
    )
  const { store, retentionProgress } = server.parts
  await deleteExpiredAgents(store, projectOf(server), rule, retentionProgress)
  expect(count(server, 'sessions')).toBe(81)
})
