import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimOne, leaseOf, receiptOf } from '../api/given.ts'
import { ManualClock } from '../support/clock.ts'
import { roundsOf } from '../support/rounds.ts'
import { SeededFolder } from '../support/scale/folder.ts'
import { seededId } from '../support/scale/seed.ts'
import { TestServer, take } from '../support/server.ts'
import { type Executed, planOf, StatementLog } from '../support/statements.ts'

/** The tier that lists this file uses a million. */
const many = roundsOf({ part: 50_000, full: 1_000_000, variable: 'ROWS' })

let folder: SeededFolder
let server: TestServer
let statements: Executed[]

/** Makes every frequent call on a store with a million rows of each kind. */
async function callEverything(): Promise<void> {
  const lead = server.connect()
  const [ada, bob] = [await server.agent('ada', { capabilities: ['code'] }), await server.agent('bob')]
  const first = await claimOne(ada)
  const { tasks } = await ada.tasks.next({ completed: leaseOf(first) })
  await ada.agents.heartbeat({ leases: tasks.map(leaseOf) })
  for (const task of tasks) await ada.tasks.fail({ ...leaseOf(task), error: 'no' })
  await ada.tasks.claim({ limit: 32 })
  await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
  await ada.messages.send({ to: '*', type: 'note', payload: 1 })
  for (const message of (await bob.messages.receive({})).messages) await bob.messages.ack(receiptOf(message))
  await take(ada.messages.inbox({}), 1)
  const { cursor } = await lead.events.list({ limit: 100 })
  await lead.events.list({ cursor, types: ['task.created'], epic: 'epic 7', limit: 10 })
  await take(lead.events.subscribe({ cursor }), 1)
  const task = seededId('task', many / 2)
  const filters = [
    {},
    { status: 'pending' },
    { status: 'failed' },
    { type: 'type 7' },
    { epic: 'epic 7' },
    { epic: 'epic 7', status: 'pending' },
    { story: 'story 7' },
    { claimedBy: seededId('agent', 7) },
    { parentId: task },
  ] as const
  for (const filter of filters) await lead.tasks.list({ ...filter, limit: 10 })
  await lead.tasks.get({ taskId: task })
  await lead.tasks.tree({ taskId: task })
  await lead.tasks.tree({ epic: 'epic 7' })
  for (const index of [1, 2, 3, 5, 7, 9, 11, many / 2, many / 2 + 2, many / 2 + 4])
    await lead.tasks.explain({ taskId: seededId('task', index) })
  await lead.messages.list({ limit: 10 })
  await lead.messages.list({ agent: 'seeded 7', status: 'pending', limit: 10 })
  await lead.messages.thread({ threadId: 'thread 7' })
  await lead.messages.deadLetters.list({ limit: 10 })
  await lead.messages.deadLetters.redrive({ filter: {}, limit: 10 })
  await lead.requests.route({ method: 'nobody has this' }).catch(() => undefined)
  await lead.health.summary()
  await lead.system.metrics()
  await lead.projects.get()
  await (await fetch(`${server.url}/metrics`)).text()
  await lead.agents.list({})
  await server.advance(1_000)
}

beforeAll(async () => {
  const clock = new ManualClock()
  folder = await SeededFolder.of({ tasks: many, messages: many, events: many, ineligible: 0.99 }, clock)
  server = await TestServer.start({ folder: folder.path, clock })
  using log = new StatementLog()
  await callEverything()
  statements = log.executed.filter(({ sql }) => /^(select|update|delete|with)/i.test(sql))
}, 240_000)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

test(`with ${many} tasks, messages and events, no statement reads all of them, and none sorts them`, () => {
  expect(statements.length).toBeGreaterThan(40)
  const database = new Database(server.database, { readonly: true })
  const wrong = statements.flatMap((statement) =>
    planOf(database, statement)
      .filter(
        (line) => /^SCAN (tasks|messages|events|event_pages)\b/.test(line) || line.includes('TEMP B-TREE FOR ORDER'),
      )
      .map((line) => `${line}: ${statement.sql}`),
  )
  database.close()
  expect(wrong.filter((line) => /(from|update|join) "(tasks|messages|events|event_pages)"/.test(line))).toEqual([])
})

test(`a claim finds its few eligible tasks among ${many} others`, async () => {
  const bob = await server.agent('bob')
  const { tasks } = await bob.tasks.claim({ limit: 8 })
  expect(tasks.map(({ priority }) => priority)).toEqual(Array.from({ length: 8 }, () => 'critical'))
  expect(tasks.map(({ title }) => Number(title?.slice(5)))).toEqual(
    tasks.map(({ title }) => Number(title?.slice(5))).toSorted((a, b) => a - b),
  )
  for (const { title } of tasks) expect(Number(title?.slice(5))).toBeGreaterThan(0.99 * many)
})
