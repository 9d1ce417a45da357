import { describe, expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { refusal, type TestAgent, type TestServer } from '../support/server.ts'
import { rows, tamper } from './given.ts'
import { count, keeping } from './kept.ts'

const minute = 60_000

test('sessions are deleted long after their longest life, and those that may still be valid stay', async () => {
  await using server = await keeping({ sessions: { ms: 10 * minute, maxRows: 0 } })
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  const day = 24 * 60 * minute
  const begun = (agent: TestAgent, ago: number) =>
    tamper(server, `update sessions set created_at = ${server.clock.wall() - ago} where agent_id = '${agent.id}'`)
  begun(ada, 31 * day + 10 * minute)
  begun(bob, 31 * day + 9 * minute)
  await server.sweep()
  expect(rows(server, 'select agent_id from sessions')).toEqual([{ agent_id: bob.id }])
  await bob.agents.heartbeat({ leases: [] })
  await server.advance(2 * minute)
  expect(count(server, 'sessions')).toBe(0)
  expect((await refusal(ada.agents.heartbeat({ leases: [] }))).code).toBe('TOKEN_REVOKED')
})

describe('denials', () => {
  const denied = (at: number) => `(null, ${at}, null, 'tasks.list', 'UNAUTHENTICATED', null, 'r', 1)`
  const deny = (server: TestServer, times: readonly number[]) =>
    tamper(
      server,
      `insert into denials (project_id, at, subject, path, code, address, request_id, count) values ${times.map(denied)}`,
    )

  test('are deleted when they are old, those without a project too', async () => {
    await using server = await keeping({ denials: { ms: 10 * minute, maxRows: 0 } })
    const now = server.clock.wall()
    deny(server, [now - 12 * minute, now - 11 * minute, now - 9 * minute])
    await server.sweep()
    expect(rows(server, 'select at from denials')).toEqual([{ at: now - 9 * minute }])
    await server.advance(2 * minute)
    expect(count(server, 'denials')).toBe(0)
  })

  test('beyond a number are deleted oldest first, in batches', async () => {
    await using server = await keeping({ denials: { ms: 0, maxRows: 20 } })
    deny(server, upTo(320))
    for (const _ of upTo(3)) await server.sweep()
    expect(rows<{ at: number }>(server, 'select at from denials order by ord').map(({ at }) => at)).toEqual(
      upTo(20).map((index) => 300 + index),
    )
  })
})
