import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { brokenCounters } from './support/verify/broken-counters.ts'
import { brokenDeliveries } from './support/verify/broken-deliveries.ts'
import { brokenFeed, brokenHistories } from './support/verify/broken-feed.ts'
import { brokenLeases } from './support/verify/broken-leases.ts'
import { brokenMessages } from './support/verify/broken-messages.ts'
import { brokenOperators } from './support/verify/broken-operators.ts'
import { type Bend, type Broken, insertAfter, type Seen, sendOf, unbent } from './support/verify/broken-story.ts'
import { brokenTasks } from './support/verify/broken-tasks.ts'
import { goodStory } from './support/verify/good-story.ts'
import { type PlantedOp, plant } from './support/verify/planted.ts'
import { bySource, settle, sightings, write } from './support/verify/planted-ops.ts'
import { type Report, rules, verify } from './support/verify.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'verify-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function planted(bend: Bend, seen: Seen = (ops) => ops) {
  const story = goodStory()
  bend(story)
  story.ops.push(...seen(sightings(story.events)))
  return plant(directory, story)
}

const fired = (report: Report): string[] =>
  [...new Set(report.violations.map((violation) => violation.rule))].toSorted()

const beginning = (client: string, t: number, from: number): PlantedOp => ({
  client,
  f: 'watch',
  t,
  type: 'note',
  out: { watcher: 'wall', from },
})

describe('a run in which every promise was kept', () => {
  test('has no violations, and every kind of object was checked', () => {
    const report = verify(planted(unbent))
    expect(report.violations).toEqual([])
    expect(Object.entries(report.counted).filter(([, count]) => count === 0)).toEqual([])
    expect(report.counted).toMatchObject({
      lines: 143,
      tasks: 7,
      completions: 3,
      changes: 5,
      messages: 5,
      events: goodStory().events.length,
      watched: goodStory().events.length,
    })
  })

  test('may end during a line', () => {
    const { histories, database } = planted((story) => Object.assign(story.tails, { ada: '{"i":99,"t":9' }))
    expect(verify({ histories, database }).violations).toEqual([])
  })

  test('may have a log whose data does not name the attempt', () => {
    const bare = planted((story) => {
      for (const event of story.events) delete event.data
    })
    expect(verify(bare).violations).toEqual([])
  })

  test('may have a task that the source of its plan has opened and closed again', () => {
    const followed = planted((story) => {
      const updated = { type: 'task.updated', subject: 'walls' }
      const again = [updated, bySource('reopened', 'walls', 2), bySource('completed', 'walls', 2)]
      insertAfter(story, 'task.completed', 'walls', 0, ...again)
      insertAfter(
        story,
        'task.cancelled',
        'tower',
        0,
        bySource('reopened', 'tower', 0),
        bySource('cancelled', 'tower', 0),
      )
    })
    expect(verify(followed).violations).toEqual([])
  })

  test('may have stored all copies of a broadcast whose reply was lost', () => {
    const lost = planted((story) => Object.assign(sendOf(story, 'k4'), { type: 'lost' }))
    expect(verify(lost).violations).toEqual([])
  })

  test('may have stored all copies of a send to a role whose reply was lost', () => {
    const lost = planted((story) => {
      const send = sendOf(story, 'k4')
      Object.assign(send, { type: 'lost', in: { ...send.in, to: 'role:developer' } })
    })
    expect(verify(lost).violations).toEqual([])
  })

  test('may have calls that began in the millisecond in which a newer lease or receipt arrived', () => {
    const close = planted((story) =>
      story.ops.push(
        write('ada', 'extend', 201, 'walls', 1, 'in_progress'),
        write('bob', 'extend', 211, 'walls', 2, 'in_progress'),
        settle('ada', 'nak', 510, 'm1', 1, 'pending'),
      ),
    )
    expect(verify(close).violations).toEqual([])
  })

  test('may ack again with the same receipt', () => {
    const again = planted((story) => story.ops.push(settle('ada', 'ack', 600, 'm1', 2, 'acked')))
    expect(verify(again).violations).toEqual([])
  })

  test('may have purged a dead letter', () => {
    const purged = planted((story) => {
      story.tampered.push(
        `delete from delivery_failures where message_id = 'm4'`,
        `delete from messages where id = 'm4'`,
      )
      story.events.push({ type: 'message.purged', subject: 'm4' })
      story.ops = story.ops.filter((op) => op.t !== 530)
    })
    expect(verify(purged).violations).toEqual([])
  })

  test('may still continue if no end is expected', () => {
    const going = planted(
      (story) => story.tasks.push({ id: 'well', status: 'pending' }),
      (ops) => ops.slice(0, -1),
    )
    expect(fired(verify(going))).toEqual(['task-unfinished', 'watcher-behind'])
    expect(verify({ ...going, expectFinished: false }).violations).toEqual([])
  })

  test('may have a watcher that restarts further back', () => {
    const repeated = (op: PlantedOp): PlantedOp => ({ ...op, client: 'late', t: 5_001 })
    const back = planted(unbent, (ops) => [
      ...ops,
      beginning('late', 5_000, goodStory().events.length - 1),
      ...ops.slice(-1).map(repeated),
    ])
    expect(verify(back).violations).toEqual([])
  })

  test('is read from the log of a database that was not closed', () => {
    const { histories, database } = planted(unbent)
    const writer = new Database(database)
    writer.pragma('journal_mode = WAL')
    writer.prepare(`update tasks set open_deps = 9 where id = 'roof'`).run()
    const copy = join(directory, 'killed.db')
    copyFileSync(database, copy)
    copyFileSync(`${database}-wal`, `${copy}-wal`)
    writer.close()
    expect(fired(verify({ histories, database: copy }))).toEqual(['open-deps-wrong'])
  })
})

test('each invalid line of a history is reported', () => {
  const good = { i: 90, t: 9_000, type: 'invoke', client: 'ada', f: 'claim', in: {} }
  const wrong: object[] = [{ i: 'one' }, { t: 'now' }, { type: 'begin' }, { client: 7 }, { f: null }, { in: 'nothing' }]
  const answer = { ...good, type: 'ok', out: { tasks: [] } }
  const text = [
    ...wrong.map((fields, index) => ({ ...good, i: 100 + index, ...fields })),
    ...[good, { ...answer, client: 'bob' }, { ...answer, f: 'next' }, { ...answer, out: 'done' }],
    ...[
      { ...good, i: 91 },
      { ...answer, i: 91, out: { tasks: 'none' } },
    ],
    ...[
      { ...good, i: 92 },
      { ...answer, i: 92, out: { tasks: ['pit'] } },
    ],
  ].map((line) => `${JSON.stringify(line)}\n`)
  const report = verify(planted((story) => Object.assign(story.tails, { ada: text.join('') })))
  expect(fired(report)).toEqual(['history-malformed'])
  expect(report.violations).toHaveLength(wrong.length + 5)
})

test('an absent project or database gives no verdict', () => {
  const { histories, database } = planted(unbent)
  expect(() => verify({ histories, database, project: 'other' })).toThrow('other')
  expect(() => verify({ histories, database: join(directory, 'none.db') })).toThrow()
})

const broken: readonly Broken[] = [
  ...brokenTasks,
  ...brokenLeases,
  ...brokenMessages,
  ...brokenDeliveries,
  ...brokenOperators,
  ...brokenCounters,
  ...brokenFeed,
  ...brokenHistories,
]

describe('a run with a broken promise is reported for', () => {
  test.each(broken)('$what', ({ bend, seen, rules: expected }) => {
    expect(fired(verify(planted(bend, seen)))).toEqual([...expected].toSorted())
  })

  test('every rule has a case that breaks it', () => {
    expect([...new Set(broken.flatMap((one) => one.rules))].toSorted()).toEqual(Object.keys(rules).toSorted())
  })
})
