import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Client } from '@tony/mcp-client'
import { afterAll, describe, expect, test } from 'vitest'
import { claimOne, leaseOf, rows, tamper } from '../api/given.ts'
import { command, program } from '../support/command.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { onPostgres, TestServer } from '../support/server.ts'
import { miscountsBy } from '../support/verify/miscounts.ts'
import { workAllDay } from './day.ts'
import { upTo } from './given.ts'

const { tony, remove } = command()
afterAll(remove)

interface Page<T> {
  readonly things: readonly T[]
  readonly next: string | null
}

async function pages<T>(read: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = []
  for (let cursor: string | undefined; ; ) {
    const { things, next } = await read(cursor)
    all.push(...things)
    if (next === null) return all
    cursor = next
  }
}

/** Reads everything that a tech lead can read. */
async function told(lead: Client) {
  const tasks = await pages(async (cursor) => {
    const page = await lead.tasks.list({ limit: 50, ...(cursor !== undefined && { cursor }) })
    return { things: page.tasks, next: page.nextCursor }
  })
  const { events, cursor } = await lead.events.list({ limit: 1_000 })
  return {
    tasks: await Promise.all(tasks.map(({ id }) => lead.tasks.get({ taskId: id }))),
    reasons: await Promise.all(tasks.map(({ id }) => lead.tasks.explain({ taskId: id }))),
    events,
    cursor,
    messages: await Promise.all(
      (await lead.messages.list({})).messages.map(({ id }) => lead.messages.get({ messageId: id })),
    ),
    dead: await lead.messages.deadLetters.list({}),
    agents: await lead.agents.list({}),
    project: await lead.projects.get(),
    audit: [await lead.audit.list({ of: 'mutations' }), await lead.audit.list({ of: 'denials' })],
    keys: await lead.auth.keys.list({}),
    health: await lead.health.history({ agent: 'ada' }),
  }
}

const postgresAt = ({ url }: Database) => ({ url, notify: false })
const admin = { config: { devRole: 'admin' } } as const

/**
 * Starts a move and kills it after a number of lines of progress. Returns the exit code, or null if
 * it was killed.
 */
async function moveKilled(file: string, to: string, lines: number): Promise<number | null> {
  const child = spawn(process.execPath, [program, 'move', '--db-path', file, '--to', to], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const closed = once(child, 'close')
  let heard = 0
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.includes(' of ')) throw new Error(line)
    heard += 1
    if (heard === lines) child.kill('SIGKILL')
  }
  await closed
  return child.exitCode
}

describe.skipIf(postgresServer === undefined || onPostgres)('a move to PostgreSQL', () => {
  test('keeps all readable contents, valid cursors and leases, and the numbering', {
    timeout: 180_000,
  }, async () => {
    await using database = await Database.create()
    await using before = await TestServer.start(admin)
    await workAllDay(before)
    // Failed attempts and deliveries have a random backoff. All of them are due before the move
    // begins.
    await before.advance(600_000)
    const ada = await before.agent('ada', { capabilities: ['ts'] })
    await before.connect().tasks.create({ type: 'held', assignedTo: ada.name, priority: 'critical' })
    const held = await claimOne(ada, { leaseMs: 3_600_000 })
    await ada.wakes.announce({ idle: true, takesTasks: true })
    await before.connect().messages.send({ to: 'ada', type: 'note', payload: 1, mode: 'steer' })
    const was = await told(before.connect())
    expect(was.messages.map(({ wake }) => wake?.status)).toContain('requested')
    const wakeRows = ['wakes', 'idle_sessions'].map((table) => rows(before, `select * from ${table}`))
    expect(wakeRows.map(({ length }) => length)).toEqual([1, 1])
    expect(was.tasks.length).toBeGreaterThan(30)
    expect(was.events.length).toBeGreaterThan(150)
    const file = before.database
    expect(await tony('move', '--db-path', file, '--to', database.url)).toMatchObject({ code: 75 })
    await before.stop()
    const moved = await tony('move', '--db-path', file, '--to', database.url, '--json')
    expect(moved.code, moved.stderr).toBe(0)
    const outcome = JSON.parse(moved.stdout)
    expect(outcome).toMatchObject({ sameEpoch: true, projects: [{ name: 'default' }] })
    const [project] = outcome.projects
    for (const moved of ['event_pages', 'idempotency_keys']) {
      const rows = (await database.rows<{ n: number }>(`select count(*) as n from ${moved}`))[0]?.n
      expect(rows).toBeGreaterThan(10)
      expect(project.tables.find(({ table }: { table: string }) => table === moved).rows).toBe(rows)
    }
    const movedRows = ['wakes', 'idle_sessions'].map((table) => database.rows(`select * from ${table}`))
    expect(await Promise.all(movedRows)).toEqual(wakeRows)
    await expect(TestServer.start({ folder: before.folder, clock: before.clock })).rejects.toThrow(
      /was moved to postgres:/,
    )
    const there = { ...admin, folder: before.folder, clock: before.clock, postgres: postgresAt(database) }
    await using after = await TestServer.start(there)
    const lead = after.connect()
    expect(await told(lead)).toEqual(was)
    expect(miscountsBy((sql) => after.query(sql))).toEqual([])
    expect((await lead.events.list({ cursor: was.cursor })).events).toEqual([])
    const { token } = await lead.auth.refresh({ refreshToken: ada.refreshToken, nonce: 'the nonce of a move' })
    const again = after.connect({ token })
    expect(await again.tasks.complete(leaseOf(held))).toMatchObject({ status: 'completed' })
    const { events } = await lead.events.list({ cursor: was.cursor, types: ['task.completed'] })
    expect(events).toHaveLength(1)
    // The new rows must sort after the moved ones.
    const created = await lead.tasks.create({ type: 'new' })
    await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
    const [newest] = await database.rows<{ id: string }>('select id from tasks order by ord desc limit 1')
    expect(newest?.id).toBe(created.id)
  })

  test('that is killed again and again continues each time, with the same result', { timeout: 300_000 }, async () => {
    await using database = await Database.create({ empty: true })
    await using server = await TestServer.start(admin)
    await workAllDay(server)
    await server.stop()
    const bytes = readFileSync(server.database)
    const ends: (number | null)[] = []
    while (ends.at(-1) !== 0) {
      ends.push(await moveKilled(server.database, database.url, 2 + ends.length))
      expect([0, null]).toContain(ends.at(-1))
      if (ends.at(-1) === null) expect(readFileSync(server.database).equals(bytes)).toBe(true)
      if (ends.length === 1) {
        const early = TestServer.start({ folder: server.folder, clock: server.clock, postgres: postgresAt(database) })
        await expect(early).rejects.toThrow(/not finished/)
      }
    }
    expect(ends.length).toBeGreaterThan(4)
    expect(await moveKilled(server.database, database.url, 1_000)).toBe(0)
    for (const table of ['event_pages', 'event_log', 'tasks', 'messages', 'agents', 'health_metrics', 'denials']) {
      const query = `select count(*) as n from ${table}`
      expect(await database.rows(query), table).toEqual(rows(server, query))
    }
  })

  test('is refused without a write if the project exists there, a server uses the target, or the source was used since', async () => {
    await using target = await Database.create()
    await using server = await TestServer.start()
    await server.connect().tasks.create({ type: 'code' })
    await server.stop()
    const file = server.database
    const move = (...more: string[]) => tony('move', '--db-path', file, '--to', target.url, ...more)
    {
      await using other = await TestServer.start({ postgres: postgresAt(target) })
      await other.connect().tasks.create({ type: 'theirs' })
      expect(await move()).toMatchObject({ code: 1, stderr: expect.stringContaining('a server uses the target') })
    }
    await target.raw((client) => client.query('update replicas set seen_at = 0'))
    const refused = await move()
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('has a project default already, and it is not empty: nothing was written')
    expect(await target.rows('select type from tasks')).toEqual([{ type: 'theirs' }])
    expect(await move('--project', 'none')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has no project'),
    })
    await using empty = await Database.create()
    expect(await moveKilled(file, empty.url, 5)).toBe(null)
    tamper(server, `update store_facts set value = '1' where name = 'last_commit'`)
    const since = await tony('move', '--db-path', file, '--to', empty.url)
    expect(since).toMatchObject({ code: 1, stderr: expect.stringContaining('was written to since') })
    expect(await tony('move', '--to', 'mysql://x')).toMatchObject({ code: 1 })
  })

  test('of one project leaves the others, and gives it free numbers', async () => {
    await using target = await Database.create()
    await using server = await TestServer.start(admin)
    const lead = server.connect()
    await lead.projects.create({ name: 'second' })
    for (const project of ['default', 'second'])
      for (const index of upTo(3))
        await server.connect({ project }).tasks.create({ type: `${project} ${index}`, requires: ['x'] })
    await server.stop()
    for (const project of ['second', 'default']) {
      await target.raw((client) => client.query(`insert into replicas values ('r', 'h', 1, 1) on conflict do nothing`))
      const moved = await tony('move', '--db-path', server.database, '--to', target.url, '--project', project)
      expect(moved.code, moved.stderr).toBe(0)
    }
    const there = { ...admin, folder: server.folder, clock: server.clock, postgres: postgresAt(target) }
    await using after = await TestServer.start(there)
    for (const project of ['default', 'second']) {
      const { tasks } = await after.connect({ project }).tasks.list({})
      expect(tasks.map(({ type }) => type).toSorted()).toEqual(upTo(3).map((index) => `${project} ${index}`))
    }
    expect(miscountsBy((sql) => after.query(sql))).toEqual([])
    expect(await target.rows('select count(distinct ord) as n from tasks')).toEqual([{ n: 6 }])
  })
})
