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
