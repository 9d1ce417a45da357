import type { Clock } from '@tony/mcp-server/platform/clock'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../support/clock.ts'
import { numberFor } from '../support/ids.ts'
import { TestServer } from '../support/server.ts'
import { planOf, StatementLog } from '../support/statements.ts'
import { projectOf, StoreFolder } from '../support/store.ts'
import { outcomes, put, upTo } from './given.ts'

const start = Date.UTC(2026, 5, 1)
const hour = 3_600_000

describe('the time of the store', () => {
  test('follows neither a jump of the wall clock nor its being set back, only time that passes', async () => {
    using folder = new StoreFolder()
    const clock = new ManualClock(start)
    await using store = await folder.open({ clock })
    const project = await projectOf(store)
    const nowIn = () => store.transact({ project }, async (tx) => tx.now)
    clock.setWall(start + 24 * hour)
    expect([store.now(), await nowIn()]).toEqual([start, start])
    clock.setWall(start - 24 * hour)
    clock.advance(1_500)
    expect([store.now(), await nowIn()]).toEqual([start + 1_500, start + 1_500])
  })

  test('stays above the last commit when the wall clock was set back between two runs', async () => {
    using folder = new StoreFolder()
    const clock = new ManualClock(start)
    const before = await folder.open({ clock })
    clock.advance(10_000)
    const last = await before.transact({ project: await projectOf(before) }, async (tx) => tx.now)
    await before[Symbol.asyncDispose]()
    const backwards = new ManualClock(start - 24 * hour)
    await using after = await folder.open({ clock: backwards })
    expect(last).toBe(start + 10_000)
    expect(after.now()).toBe(last)
    backwards.advance(250)
    expect(await after.transact({ project: await projectOf(after) }, async (tx) => tx.now)).toBe(last + 250)
  })

  test('only grows over many restarts, with any wall clock', async () => {
    using folder = new StoreFolder()
    const times: number[] = []
    for (const wall of [0, -hour, 3 * hour, hour, -5 * hour, 2 * hour]) {
      await using store = await folder.open({ clock: new ManualClock(start + wall) })
      const project = await projectOf(store)
      times.push(await store.transact({ project }, async (tx) => tx.now))
    }
    expect(times).toEqual([start, start, start + 3 * hour, start + 3 * hour, start + 3 * hour, start + 3 * hour])
  })

  test('is the same for all operations of a commit', async () => {
    using folder = new StoreFolder()
    const clock = new ManualClock(start)
    await using store = await folder.open({ clock })
    const project = await projectOf(store)
    const times = await Promise.all(
      upTo(10).map((index) =>
        store.transact({ project }, async (tx) => {
          clock.advance(1)
          await put(tx, `r${index}`)
          return tx.now
        }),
      ),
    )
    expect(new Set(times)).toEqual(new Set([start]))
    expect(store.now()).toBe(start + 10)
  })
})

const agent = (id: string, status: string, lastActivity: number) =>
  `insert into agents (id, project_id, name, type, role, capabilities, status, registered_at, last_activity, metadata)
   select '${id}', id, '${id}', 't', 'developer', '[]', '${status}', 0, ${lastActivity}, '{}' from projects;`

const task = (id: string, status: string, leaseExpiresAt: number) =>
  `insert into tasks (id, project_id, type, requires, priority, status, route_id, max_attempts, metadata, created_at,
     agent_id, lease_token, lease_expires_at)
   select '${id}', ${numberFor('projects.id')}, 't', '[]', 2, '${status}', 1, 3, '{}', 0, ${numberFor("'alive'")}, 'token', ${leaseExpiresAt} from projects;`

const message = (id: string, status: string, ackBy: number) =>
  `insert into messages (id, project_id, to_agent, type, payload, priority, status, created_at, max_deliver, receipt, ack_by)
   select '${id}', ${numberFor('projects.id')}, ${numberFor("'alive'")}, 't', '{}', 2, '${status}', 0, 5, 'receipt', ${ackBy} from projects;`

/** Returns a store whose last commit was at `start`, with deadlines before and after it. */
async function folderWithDeadlines(): Promise<StoreFolder> {
  const folder = new StoreFolder()
  const store = await folder.open({ clock: new ManualClock(start) })
  await store.transact({ project: await projectOf(store) }, (tx) => put(tx, 'last'))
  await store[Symbol.asyncDispose]()
  folder.raw((database) => {
    database.exec("insert into routes (project_id, requires, assigned_to) select id, '[]', '' from projects")
    database.exec(agent('alive', 'active', start - 5_000) + agent('silent', 'offline', start - 60_000))
    database.exec(task('held', 'in_progress', start + 30_000) + task('over', 'in_progress', start - 1))
    database.exec(task('just', 'in_progress', start) + task('back', 'pending', start + 30_000))
    database.exec(message('waiting', 'delivered', start + 20_000) + message('late', 'delivered', start - 1))
    database.exec(message('done', 'acked', start + 20_000))
  })
  return folder
}

const deadlines = (folder: StoreFolder) =>
  folder.raw((database) => {
    const rows = database.prepare<[], { id: string; at: number }>(
      `select id, lease_expires_at as at from tasks union all select id, ack_by from messages
       union all select id, last_activity from agents`,
    )
    return Object.fromEntries(rows.all().map(({ id, at }) => [id, at - start]))
  })

const asLeft = {
  held: 30_000,
  over: -1,
  just: 0,
  back: 30_000,
  waiting: 20_000,
  late: -1,
  done: 20_000,
  alive: -5_000,
  silent: -60_000,
}

describe('an outage', () => {
  test('extends every deadline that was alive at the last commit, and none that had passed', async () => {
    using folder = await folderWithDeadlines()
    const store = await folder.open({ clock: new ManualClock(start + hour) })
    await store[Symbol.asyncDispose]()
    expect(deadlines(folder)).toEqual({ ...asLeft, held: 30_000 + hour, waiting: 20_000 + hour, alive: -5_000 + hour })
  })

  test('extends them once, for any number of starts', async () => {
    using folder = await folderWithDeadlines()
    for (const wall of [hour, hour, hour + 1_000]) {
      const store = await folder.open({ clock: new ManualClock(start + wall) })
      await store[Symbol.asyncDispose]()
    }
    expect(deadlines(folder)).toMatchObject({ held: 30_000 + hour + 1_000, over: -1, alive: -5_000 + hour + 1_000 })
  })

  test('extends the time limits of a task once, with its lease and without one', async () => {
    using folder = await folderWithDeadlines()
    const limits = { timeout: 40_000, close: 50_000 }
    folder.raw((database) =>
      database.exec(
        `update tasks set timeout_at = ${start + limits.timeout}, close_by = ${start + limits.close};
         update tasks set timeout_at = ${start - 1} where id = 'back'`,
      ),
    )
    const store = await folder.open({ clock: new ManualClock(start + hour) })
    await store[Symbol.asyncDispose]()
    const rows = folder.raw((database) =>
      database
        .prepare<[], { id: string; timeout: number; close: number }>(
          `select id, timeout_at - ${start} as timeout, close_by - ${start} as close from tasks order by id`,
        )
        .all(),
    )
    const later = { timeout: limits.timeout + hour, close: limits.close + hour }
    expect(rows).toEqual([
      { id: 'back', timeout: -1, close: limits.close },
      { id: 'held', ...later },
      { id: 'just', ...later },
      { id: 'over', ...later },
    ])
  })

  test('reads only the rows that have a deadline', async () => {
    using folder = await folderWithDeadlines()
    using log = new StatementLog()
    const store = await folder.open({ clock: new ManualClock(start + hour) })
    await store[Symbol.asyncDispose]()
    const updates = log.executed.filter(({ sql }) => /^update "(tasks|messages|requests|wakes)"/.test(sql))
    const visits = folder.raw((database) => updates.flatMap((update) => planOf(database, update)))
    expect(visits.toSorted()).toEqual([
      'SEARCH messages USING INDEX messages_expiring (project_id=? AND expires_at>?)',
      'SEARCH messages USING INDEX messages_unacked (project_id=? AND ack_by>?)',
      'SEARCH requests USING INDEX requests_waiting (project_id=? AND deadline_at>?)',
      'SEARCH tasks USING INDEX tasks_leases (project_id=? AND lease_expires_at>?)',
      'SEARCH tasks USING INDEX tasks_timeouts (project_id=? AND timeout_at>?)',
      'SEARCH wakes USING INDEX wakes_open (project_id=?)',
    ])
  })

  test('with a negative length changes nothing', async () => {
    using folder = await folderWithDeadlines()
    const store = await folder.open({ clock: new ManualClock(start - hour) })
    await store[Symbol.asyncDispose]()
    expect(deadlines(folder)).toEqual(asLeft)
  })

  test('longer than any lease costs a holder nothing: its lease is valid after the first sweep, and so is its presence', async () => {
    using folder = new StoreFolder()
    const clock = new ManualClock(start)
    const before = await TestServer.start({ clock, folder: folder.path })
    const worker = await before.agent('worker')
    const { id } = await before.connect().tasks.create({ type: 'code' })
    const { tasks } = await worker.tasks.claim({})
    await before.stop()
    clock.advance(300_000)
    await using after = await TestServer.start({ clock, folder: folder.path })
    await after.sweep()
    expect(await after.connect().agents.get({ agent: worker.id })).toMatchObject({ status: 'active', incarnation: 1 })
    const again = after.connect({ token: worker.token })
    const done = await again.tasks.complete({ taskId: id, leaseToken: tasks[0]?.leaseToken ?? '' })
    expect(done.status).toBe('completed')
    const { events } = await after.connect().events.list({ taskId: id })
    expect(events.map(({ type }) => type)).toEqual(['task.created', 'task.claimed', 'task.completed'])
  })
})

/** A clock whose time passes even while the process stands still. */
class StoppableClock implements Clock {
  readonly #running = new ManualClock(start)
  #stoodStillMs = 0

  wall = (): number => this.#running.wall() + this.#stoodStillMs
  monotonic = (): number => this.#running.monotonic() + this.#stoodStillMs
  random = (): number => 0.5
  timer = (ms: number, run: () => void): (() => void) => this.#running.timer(ms, run)

  standStill(ms: number): void {
    this.#stoodStillMs += ms
  }
}

describe('a standstill', () => {
  const minute = 60_000

  async function heldTask() {
    const folder = new StoreFolder()
    const clock = new StoppableClock()
    const store = await folder.open({ clock, ballastBytes: 1_048_576 })
    folder.raw((database) => {
      database.exec("insert into routes (project_id, requires, assigned_to) select id, '[]', '' from projects")
      database.exec(agent('alive', 'active', start) + task('held', 'in_progress', start + 30_000))
    })
    const project = await projectOf(store)
    const fillDisk = () =>
      outcomes([store.transact({ project }, () => Promise.reject(new Database.SqliteError('full', 'SQLITE_FULL')))])
    return { folder, clock, store, project, fillDisk }
  }

  test('extends every deadline once', async () => {
    const { folder, clock, store, project } = await heldTask()
    clock.standStill(minute)
    await store.transact({ project }, (tx) => put(tx, 'next'))
    await store.transact({ project }, (tx) => put(tx, 'one more'))
    await store[Symbol.asyncDispose]()
    expect(deadlines(folder)).toMatchObject({ held: 30_000 + minute })
    folder[Symbol.dispose]()
  })

  test('during a full disk extends deadlines once, with the time of the full disk', async () => {
    const { folder, clock, store, fillDisk } = await heldTask()
    expect(await fillDisk()).toEqual(['STORAGE_FULL'])
    clock.standStill(minute)
    await store.diskSpace?.check()
    expect(store.diskSpace?.full).toBe(false)
    await store[Symbol.asyncDispose]()
    expect(deadlines(folder)).toMatchObject({ held: 30_000 + minute, alive: minute })
    folder[Symbol.dispose]()
  })

  test('before the disk was found full extends deadlines in addition to the time of the full disk', async () => {
    const { folder, clock, store, fillDisk } = await heldTask()
    clock.standStill(minute)
    expect(await fillDisk()).toEqual(['STORAGE_FULL'])
    clock.standStill(2 * minute)
    await store.diskSpace?.check()
    await store[Symbol.asyncDispose]()
    expect(deadlines(folder)).toMatchObject({ held: 30_000 + 3 * minute })
    folder[Symbol.dispose]()
  })
})
