import { type Client, type LeasedTask, TonyError } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { leaseOf, rows } from '../api/given.ts'
import { upTo } from '../store/given.ts'
import { dice } from '../support/dice.ts'
import { TestServer } from '../support/server.ts'

const poolSize = 2

/** There are few locks, so that the agents conflict. */
const universe = [
  'db:users',
  'port:3456',
  'file:',
  'file:src',
  'file:src/auth',
  'file:src/auth/login.ts',
  'file:src/auth2',
  'file:docs',
  'pool:gpu',
]

type Roll = (sides: number) => number

const some = (roll: Roll, most: number): string[] => [
  ...new Set(upTo(roll(most + 1)).map(() => universe[roll(universe.length)] ?? 'db:users')),
]

/** True if two paths such as `file:a/b` are equal, or one is above the other. */
const nested = (a: string, b: string): boolean => {
  const [one, other] = [a, b].map((lock) => lock.slice('file:'.length).split('/').filter(Boolean))
  return (one ?? []).every((part, index) => (other ?? [])[index] === part)
}

const excludes = (a: string, b: string): boolean => {
  if (a.startsWith('pool:') || b.startsWith('pool:')) return false
  if (a.startsWith('file:') && b.startsWith('file:')) return nested(a, b) || nested(b, a)
  return a === b
}

interface Fact {
  type: string
  subject: string
  data: string
}

type Held = Map<string, Set<string>>

/** Returns the locks of other tasks that exclude a lock. */
const inItsWay = (held: Held, subject: string, lock: string): string[] =>
  [...held]
    .filter(([other]) => other !== subject)
    .flatMap(([other, locks]) => [...locks].filter((its) => excludes(lock, its)).map((its) => `${other} held ${its}`))

/** Replays the log. Returns every pair of locks that were held together and exclude each other. */
function conflictsIn(facts: readonly Fact[], declared: ReadonlyMap<string, readonly string[]>): string[] {
  const conflicts: string[] = []
  const held: Held = new Map()
  for (const { type, subject, data } of facts) {
    const taken: string[] = type === 'task.claimed' ? [...(declared.get(subject) ?? [])] : []
    if (type === 'task.locked') taken.push(...JSON.parse(data).locks)
    if (type === 'task.completed' || type === 'task.released') held.delete(subject)
    for (const lock of taken) {
      conflicts.push(...inItsWay(held, subject, lock).map((other) => `${subject} took ${lock} while ${other}`))
      held.set(subject, (held.get(subject) ?? new Set()).add(lock))
    }
    const places = [...held.values()].filter((locks) => locks.has('pool:gpu')).length
    if (places > poolSize) conflicts.push(`${places} places of the pool were held`)
  }
  return conflicts
}

/** Takes further locks under a lease if they are free. */
async function lockMore(client: Client, task: LeasedTask, locks: string[]): Promise<boolean> {
  try {
    if (locks.length > 0) await client.tasks.lock({ ...leaseOf(task), locks }, { deadlineMs: 1 })
    return true
  } catch (error) {
    if (error instanceof TonyError && ['LOCK_CONFLICT', 'DEADLINE_EXCEEDED'].includes(error.code)) return false
    throw error
  }
}

/** Claims, takes further locks, and completes or releases, until no task is left. */
async function workOff(server: TestServer, client: Client, roll: Roll): Promise<number> {
  let conflicts = 0
  for (;;) {
    const { tasks } = await client.tasks.claim({ limit: 1 + roll(3) })
    for (const task of tasks) {
      if (!(await lockMore(client, task, some(roll, 2)))) conflicts += 1
      if (roll(4) === 0) await client.tasks.release(leaseOf(task))
      else await client.tasks.complete(leaseOf(task))
    }
    if (tasks.length > 0) continue
    if (rows(server, "select 1 from tasks where status <> 'completed' limit 1").length === 0) return conflicts
    // The clock stands still, so the test runs the sweeps.
    await server.sweep()
  }
}

test('eight agents that claim and lock at random never hold two conflicting locks', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.projects.setPools({ pools: { gpu: poolSize } })
  const roll = dice(20_260_101)
  const specs = upTo(200).map(() => ({ type: 'code', locks: some(roll, 3) }))
  const { tasks } = await lead.tasks.createMany({ tasks: specs })
  const declared = new Map(tasks.map(({ id }, index) => [id, specs[index]?.locks ?? []]))
  const agents = await Promise.all(upTo(8).map((index) => server.agent(`agent ${index}`)))
  const conflicts = await Promise.all(agents.map((agent, index) => workOff(server, agent, dice(index))))
  const facts = rows<Fact>(server, "select type, subject, data from event_log where type like 'task.%' order by seq")
  expect(conflictsIn(facts, declared)).toEqual([])
  // The race was real: the agents had conflicts and waited for each other.
  expect(conflicts.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(20)
  expect(rows(server, 'select * from locks')).toEqual([])
  expect(rows(server, 'select * from tasks where parked_on is not null or held_locks > 0')).toEqual([])
})

test('the replay finds two conflicting locks', () => {
  const declared = new Map([
    ['a', ['file:src']],
    ['b', ['file:src/x']],
  ])
  const claimed = (subject: string) => ({ type: 'task.claimed', subject, data: '{}' })
  const locked = (subject: string, lock: string) => ({
    type: 'task.locked',
    subject,
    data: JSON.stringify({ locks: [lock] }),
  })
  expect(conflictsIn([claimed('a'), claimed('b')], declared)).toEqual(['b took file:src/x while a held file:src'])
  expect(conflictsIn([claimed('b'), locked('c', 'file:')], declared)).toHaveLength(1)
  expect(
    conflictsIn(
      ['c', 'd', 'e'].map((task) => locked(task, 'pool:gpu')),
      declared,
    ),
  ).toHaveLength(1)
  expect(
    conflictsIn([claimed('a'), { type: 'task.completed', subject: 'a', data: '{}' }, claimed('b')], declared),
  ).toEqual([])
})
