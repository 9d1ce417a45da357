import type { Client, FeedEvent } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { upTo } from '../store/given.ts'
import { postgresServer } from '../support/postgres.ts'
import { Replicas } from '../support/replicas.ts'
import { roundsOf } from '../support/rounds.ts'
import { TestServer } from '../support/server.ts'

const rounds = roundsOf({ part: 8, full: 150, variable: 'HOLD_RACES' })

/** Two servers of one store, or one server twice on SQLite. */
interface Place extends AsyncDisposable {
  readonly first: TestServer
  readonly second: TestServer
}

async function onSqlite(): Promise<Place> {
  const server = await TestServer.start()
  return { first: server, second: server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const engines: readonly (readonly [string, () => Promise<Place>])[] = [
  ['SQLite', onSqlite],
  ...(postgresServer === undefined
    ? []
    : ([
        ['two replicas', () => Replicas.start({ writerLock: true })],
        ['two replicas without the writer lock', () => Replicas.start({ writerLock: false })],
      ] as const)),
]

/** Returns `OK`, or the code of a refusal. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  const [settled] = await Promise.allSettled([call])
  if (settled?.status === 'fulfilled') return 'OK'
  return settled?.reason instanceof Error && 'code' in settled.reason ? String(settled.reason.code) : 'INTERNAL'
}

/** Starts two calls at once, in the order of the round. */
const both = async <A, B>(round: number, a: () => Promise<A>, b: () => Promise<B>): Promise<[A, B]> => {
  if (round % 2 === 0) return Promise.all([a(), b()])
  const later = b()
  return [await a(), await later]
}

const statusOf = async (lead: Client, taskId: string) => (await lead.tasks.get({ taskId })).status

/** Completes everything that can be claimed. */
async function workOff(worker: Client): Promise<void> {
  for (;;) {
    const { tasks } = await worker.tasks.claim({ limit: 8 })
    if (tasks.length === 0) return
    for (const task of tasks) await worker.tasks.complete(leaseOf(task))
  }
}

interface Fact {
  readonly type: string
  readonly subject: string | null
  readonly data: unknown
}

const ends = ['task.completed', 'task.failed', 'task.cancelled']
const starts = ['task.created', 'task.reopened']

/**
 * Replays the log. Returns each claim and each roll-up of a task that was held, or whose child was
 * open.
 */
function earlyIn(facts: readonly Fact[], parentOf: ReadonlyMap<string, string>): string[] {
  const open = new Set<string>()
  const held = new Set<string>()
  return facts.flatMap(({ type, subject, data }) => {
    const id = subject ?? ''
    if (starts.includes(type)) open.add(id)
    if (type === 'task.held') held.add(id)
    if (type === 'task.unheld') held.delete(id)
    const takes = type === 'task.claimed' || (type === 'task.completed' && JSON.stringify(data).includes('rolledUp'))
    if (ends.includes(type)) open.delete(id)
    if (!takes) return []
    const waitsFor = [...open].filter((child) => parentOf.get(child) === id)
    return [
      ...(held.has(id) ? [`${type} of ${id}, which is held`] : []),
      ...waitsFor.map((child) => `${type} of ${id}, whose child ${child} is open`),
    ]
  })
}

async function logOf(lead: Client): Promise<FeedEvent[]> {
  let page = await lead.events.list({ limit: 1_000 })
  const all = [...page.events]
  while (page.more) {
    page = await lead.events.list({ limit: 1_000, cursor: page.cursor })
    all.push(...page.events)
  }
  return all
}

/** One worker at each server and the lead of the first. */
async function cast({ first, second }: Place) {
  return {
    lead: first.connect(),
    lead2: second.connect(),
    ann: await first.agent('ann'),
    bob: await second.agent('bob'),
  }
}

describe.each(engines)('on %s', (_, open) => {
  test('a task that is held while an agent claims it is either held or claimed', async () => {
    await using place = await open()
    const { lead, bob } = await cast(place)
    for (const round of upTo(rounds)) {
      const { id: taskId } = await lead.tasks.create({ type: 'code' })
      const [held, { tasks }] = await both(
        round,
        () => codeOf(lead.tasks.hold({ taskId, reason: 'the design is open' })),
        () => bob.tasks.claim({}),
      )
      const outcome = `${held}, ${tasks.length} claimed`
      expect(['OK, 0 claimed', 'ILLEGAL_TRANSITION, 1 claimed']).toContain(outcome)
      if (held === 'OK') await lead.tasks.unhold({ taskId })
      const lease = leaseOf(tasks[0] ?? (await claimOne(bob)))
      expect(lease.taskId).toBe(taskId)
      await bob.tasks.complete(lease)
    }
    expect(earlyIn(await logOf(lead), new Map())).toEqual([])
  })

  test('a hold that is lifted reaches one of the claims that wait, and no other', async () => {
    await using place = await open()
    const { lead, lead2, ann, bob } = await cast(place)
    for (const round of upTo(rounds)) {
      const { id: taskId } = await lead.tasks.create({ type: 'code', hold: 'not yet' })
      const [claims] = await both(
        round,
        () => Promise.all([ann, bob, ann, bob].map(({ tasks }) => tasks.claim({}))),
        () => lead2.tasks.unhold({ taskId }),
      )
      const won = claims.flatMap(({ tasks }) => tasks)
      expect(won.length).toBeLessThanOrEqual(1)
      // The two that did not win wait for the next task, which is held until both wait.
      const { id: next } = await lead.tasks.create({ type: 'code', hold: 'not yet' })
      const task = won[0] ?? (await claimOne(ann))
      expect(task.id).toBe(taskId)
      await (task.claimedBy === ann.id ? ann : bob).tasks.complete(leaseOf(task))
      const [waiting] = await both(
        round,
        () => claimOne(bob, { waitMs: 60_000 }),
        () => lead2.tasks.unhold({ taskId: next }),
      )
      expect(waiting.id).toBe(next)
      await bob.tasks.complete(leaseOf(waiting))
    }
  })

  test('a parent that ends with its last child while a child is added ends or waits for it', async () => {
    await using place = await open()
    const { lead, lead2, ann } = await cast(place)
    const parentOf = new Map<string, string>()
    for (const round of upTo(rounds)) {
      const { id: parentId } = await lead.tasks.create({ type: 'epic', onChildrenEnd: 'complete' })
      const child = await lead.tasks.create({ type: 'code', parentId })
      const lease = leaseOf(await claimOne(ann))
      expect(lease.taskId).toBe(child.id)
      const [, added] = await both(
        round,
        () => ann.tasks.complete(lease),
        () => lead2.tasks.create({ type: 'code', parentId }),
      )
      for (const { id } of [child, added]) parentOf.set(id, parentId)
      expect(['completed', 'blocked']).toContain(await statusOf(lead, parentId))
      await workOff(ann)
      expect([await statusOf(lead, parentId), await statusOf(lead, added.id)]).toEqual(['completed', 'completed'])
    }
    const log = await logOf(lead)
    // A child of a parent that has ended already does not hold it.
    const endOf = new Map(log.map(({ type, subject, seq }) => [`${type} ${subject}`, seq]))
    const late = [...parentOf].filter(
      ([id, parent]) => (endOf.get(`task.completed ${parent}`) ?? 0) < (endOf.get(`task.created ${id}`) ?? 0),
    )
    expect(earlyIn(log, new Map([...parentOf].filter(([id]) => !late.some(([other]) => other === id))))).toEqual([])
  })

  test('a child that is reopened while an agent claims its parent holds the parent, or comes too late', async () => {
    await using place = await open()
    const { lead, ann, bob } = await cast(place)
    const parentOf = new Map<string, string>()
    for (const round of upTo(rounds)) {
      const { id: parentId } = await lead.tasks.create({ type: 'epic' })
      const { id: child } = await lead.tasks.create({ type: 'code', parentId })
      parentOf.set(child, parentId)
      await ann.tasks.fail({ ...leaseOf(await claimOne(ann)), error: 'no', retryable: false })
      const [{ tasks }] = await both(
        round,
        () => bob.tasks.claim({}),
        () => lead.tasks.retry({ taskId: child }),
      )
      const [task] = tasks
      const isParent = task?.id === parentId
      expect(await statusOf(lead, parentId)).toBe(isParent ? 'in_progress' : 'blocked')
      if (task) await bob.tasks.release(leaseOf(task))
      expect(await statusOf(lead, parentId)).toBe('blocked')
      const again = await claimOne(bob)
      expect(again.id).toBe(child)
      await bob.tasks.complete(leaseOf(again))
      await workOff(ann)
      expect(await statusOf(lead, parentId)).toBe('completed')
    }
    expect(earlyIn(await logOf(lead), parentOf)).toEqual([])
  })

  test('a held task of a paused epic is claimed once both are lifted at the same time', async () => {
    await using place = await open()
    const { lead, lead2, bob } = await cast(place)
    for (const round of upTo(rounds)) {
      const { id: taskId } = await lead.tasks.create({ type: 'code', epic: 'e', hold: 'not yet' })
      await lead.agents.pause({ epic: 'e' })
      const [waiting] = await Promise.all([
        claimOne(bob, { waitMs: 60_000 }),
        both(
          round,
          () => lead.agents.resume({ epic: 'e' }),
          () => lead2.tasks.unhold({ taskId }),
        ).then(() => place.first.sweep()),
      ])
      expect(waiting.id).toBe(taskId)
      await bob.tasks.complete(leaseOf(waiting))
    }
  })
})

test('the replay finds a claim of a held task and of a parent with an open child', () => {
  const fact = (type: string, subject: string, data: object = {}) => ({ type, subject, data })
  const parents = new Map([['c', 'p']])
  const created = fact('task.created', 'c')
  expect(earlyIn([created, fact('task.claimed', 'p')], parents)).toHaveLength(1)
  expect(earlyIn([created, fact('task.completed', 'p', { rolledUp: true })], parents)).toHaveLength(1)
  const done = fact('task.completed', 'c')
  expect(earlyIn([created, done, fact('task.claimed', 'p')], parents)).toEqual([])
  expect(earlyIn([created, done, fact('task.reopened', 'c'), fact('task.claimed', 'p')], parents)).toHaveLength(1)
  expect(earlyIn([fact('task.held', 'a'), fact('task.claimed', 'a')], parents)).toHaveLength(1)
  expect(earlyIn([fact('task.held', 'a'), fact('task.unheld', 'a'), fact('task.claimed', 'a')], parents)).toEqual([])
})
