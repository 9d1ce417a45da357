import { systemClock } from '@tony/mcp-server/platform/clock'
import { describe, expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { DatabaseHop, type Moment } from '../support/database-hop.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { TestServer } from '../support/server.ts'

const moments: readonly Moment[] = ['asked', 'answered']

const serverOn = (url: string) =>
  TestServer.start({
    clock: systemClock,
    postgres: { url, notify: false },
  })

async function expectDenseFeed(database: Database): Promise<void> {
  const [feed] = await database.rows<{ events: number; last: number; head: number }>(
    'select count(*) as events, max(e.seq) as last, max(p.seq) as head from event_log e join projects p on p.id = e.project_id',
  )
  expect(feed?.last).toBe(feed?.events)
  expect(feed?.head).toBe(feed?.events)
}

describe.skipIf(postgresServer === undefined)('a call whose connection to the database breaks', () => {
  test.each(moments)('before the data that is %s at any point of its transaction takes effect once', async (moment) => {
    await using database = await Database.create()
    await using hop = await DatabaseHop.start(database.url)
    await using server = await serverOn(hop.url)
    const ann = await server.agent('ann')
    const lead = server.connect({ deadlineMs: 30_000 })
    let made = 0
    let sent = 0
    const cutting = async (call: () => Promise<unknown>, count: () => void) => {
      for (const point of upTo(30)) {
        hop.cutAt(point, moment)
        await call()
        count()
        if (!hop.spare()) return point
      }
      throw new Error('a transaction of thirty round trips is none of these')
    }
    const points = await cutting(
      () => lead.tasks.create({ type: 'code', title: 'once' }),
      () => (made += 1),
    )
    await cutting(
      () => lead.messages.send({ to: 'ann', type: 'note', payload: 'once' }),
      () => (sent += 1),
    )
    expect(points).toBeGreaterThan(3)
    expect(hop.cuts).toBeGreaterThan(6)
    const rows = async (table: string) =>
      (await database.rows<{ rows: number }>(`select count(*) as rows from ${table}`))[0]?.rows
    expect(await rows('tasks')).toBe(made)
    expect(await rows('messages')).toBe(sent)
    const attempts: number[] = []
    const claiming = async () => {
      const { tasks } = await ann.tasks.claim({})
      attempts.push(...tasks.map(({ attempt }) => attempt))
    }
    hop.cutAt(4, moment)
    await claiming()
    hop.spare()
    expect(attempts).toEqual([1])
    await expectDenseFeed(database)
  })

  test.each(['40001', '40P01', '55P03', '57P01', '08006'])(
    'or that is refused with %s takes effect once',
    async (code) => {
      await using database = await Database.create()
      await using server = await serverOn(database.url)
      const lead = server.connect({ deadlineMs: 30_000 })
      await lead.tasks.create({ type: 'code', title: 'before' })
      await database.raw((client) =>
        client.query(`
          create sequence tries;
          create function refuse() returns trigger language plpgsql as $$ begin
            if nextval('tries') <= 2 then raise exception 'not now' using errcode = '${code}'; end if;
            return new;
          end $$;
          create trigger refusing before insert on tasks for each row execute function refuse()`),
      )
      const task = await lead.tasks.create({ type: 'code', title: 'once' })
      const rows = await database.rows<{ id: string }>("select id from tasks where title = 'once'")
      expect(rows).toEqual([{ id: task.id }])
      await expectDenseFeed(database)
    },
  )
})
