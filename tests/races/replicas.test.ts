import type { Client } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { upTo } from '../store/given.ts'
import { postgresServer } from '../support/postgres.ts'
import { Replicas } from '../support/replicas.ts'
import { roundsOf } from '../support/rounds.ts'
import { refusal, take } from '../support/server.ts'
import { miscountsBy } from '../support/verify/miscounts.ts'

const rounds = roundsOf({ part: 5, full: 100, variable: 'ROUNDS' })
const timeout = 60_000 + rounds * 400

const agentsOf = (replicas: Replicas, count: number) =>
  Promise.all(upTo(count).map((index) => replicas.at(index).agent(`agent ${index}`)))

const feedOf = (replicas: Replicas) =>
  replicas.database.rows<{ project_id: string; events: number; last: number; head: number }>(
    `select e.project_id, count(*) as events, max(e.seq) as last, max(p.seq) as head
     from event_log e join projects p on p.id = e.project_id group by e.project_id`,
  )

async function expectDenseFeed(replicas: Replicas): Promise<void> {
  for (const { events, last, head } of await feedOf(replicas)) expect([last, head]).toEqual([events, events])
}

async function expectCountersRight(replicas: Replicas): Promise<void> {
  expect(miscountsBy((sql) => replicas.first.query(sql))).toEqual([])
}

/** Repeats a call until it is refused, and returns the code of the refusal. */
async function refusedAtLast(call: () => Promise<unknown>): Promise<unknown> {
  for (;;) {
    const [outcome] = await Promise.allSettled([call()])
    if (outcome.status === 'rejected') return outcome.reason.code
  }
}

const ways = [
  { name: 'with the writer lock', writerLock: true },
  { name: 'without the writer lock', writerLock: false },
] as const

describe.skipIf(postgresServer === undefined).each(ways)('on two replicas $name', ({ writerLock }) => {
  test(`${rounds * 5} tasks are claimed by eight agents, each task by one`, { timeout }, async () => {
    await using replicas = await Replicas.start({ writerLock })
    const lead = replicas.first.connect()
    for (const _ of upTo(Math.ceil((rounds * 5) / 200)))
      await lead.tasks.createMany({ tasks: upTo(Math.min(200, rounds * 5)).map(() => ({ type: 'code' })) })
    const agents = await agentsOf(replicas, 8)
    const wins = await Promise.all(
      agents.map(async (agent) => {
        const own: string[] = []
        for (;;) {
          const { tasks } = await agent.tasks.claim({ limit: 2 })
          if (tasks.length === 0) return own
          own.push(...tasks.map(({ id }) => id))
          await Promise.all(tasks.map((task) => agent.tasks.complete(leaseOf(task))))
        }
      }),
    )
    const won = wins.flat()
    expect(new Set(won).size).toBe(won.length)
    const left = await replicas.database.rows("select id from tasks where status <> 'completed' or attempt <> 1")
    expect(left).toEqual([])
    await expectDenseFeed(replicas)
    await expectCountersRight(replicas)
  })

  test(`two concurrent completions of dependencies unblock their dependent, ${rounds} times`, { timeout }, async () => {
    await using replicas = await Replicas.start({ writerLock })
    const lead = replicas.first.connect()
    const [ann, bob] = await agentsOf(replicas, 2)
    if (!ann || !bob) throw new Error('two agents were asked for')
    for (const round of upTo(rounds)) {
      const { tasks } = await lead.tasks.createMany({
        tasks: [
          { key: 'a', type: 'code', assignedTo: ann.name },
          { key: 'b', type: 'code', assignedTo: bob.name },
          { key: 'c', type: 'code', dependsOn: ['a', 'b'], metadata: { round } },
        ],
      })
      const [first, second] = await Promise.all([claimOne(ann), claimOne(bob)])
      await Promise.all([ann.tasks.complete(leaseOf(first)), bob.tasks.complete(leaseOf(second))])
      const dependent = await claimOne(round % 2 === 0 ? ann : bob)
      expect(dependent.id).toBe(tasks[2]?.id)
      await (round % 2 === 0 ? ann : bob).tasks.complete(leaseOf(dependent))
    }
    const rows = await replicas.database.rows("select id from tasks where status <> 'completed' or open_deps <> 0")
    expect(rows).toEqual([])
    await expectDenseFeed(replicas)
  })

  test(`of two tasks with one lock at most one is held, ${rounds} times`, { timeout }, async () => {
    await using replicas = await Replicas.start({ writerLock })
    const lead = replicas.first.connect()
    const [ann, bob] = await agentsOf(replicas, 2)
    if (!ann || !bob) throw new Error('two agents were asked for')
    for (const _ of upTo(rounds)) {
      const locks = ['file:src/auth/', 'port:3456']
      await lead.tasks.createMany({
        tasks: [
          { type: 'code', locks },
          { type: 'code', locks: ['file:src/auth/login.ts'] },
        ],
      })
      const claimed = await Promise.all([ann.tasks.claim({}), bob.tasks.claim({})])
      expect(claimed.flatMap(({ tasks }) => tasks)).toHaveLength(1)
      const [holder, other] = claimed[0].tasks.length === 1 ? [ann, bob] : [bob, ann]
      const [task] = claimed.flatMap(({ tasks }) => tasks)
      if (task) await holder.tasks.complete(leaseOf(task))
      await other.tasks.complete(leaseOf(await claimOne(other, { waitMs: 5_000 })))
    }
    expect(await replicas.database.rows('select * from locks')).toEqual([])
    expect(await replicas.database.rows("select id from tasks where status <> 'completed'")).toEqual([])
  })

  test(`an inbox accepts exactly its capacity, ${rounds} times`, { timeout }, async () => {
    const limit = 20
    await using replicas = await Replicas.start({ writerLock, config: { maxPending: limit } })
    const senders = [replicas.first.connect(), replicas.second.connect()]
    const full: string[] = []
    for (const round of upTo(rounds)) {
      const box = await replicas.at(round).agent(`box ${round}`)
      const send = async (sender: Client | undefined) =>
        sender?.messages.send({ to: box.name, type: 'note', payload: null, priority: 'critical' }, { once: true })
      const settled = await Promise.allSettled(upTo(limit + 10).map((index) => send(senders[index % 2])))
      expect(settled.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(limit)
      // A send that lost too many deadlocks has left capacity, which the next sends take.
      expect(await refusedAtLast(() => send(senders[0]))).toBe('INBOX_FULL')
      full.push(box.id)
      box.close()
    }
    const boxes = await replicas.database.rows<{ pending: number }>('select pending from mailboxes where accepted > 0')
    expect(boxes).toEqual(full.map(() => ({ pending: limit })))
    await expectCountersRight(replicas)
  })

  test(`a key gets one result from both, ${rounds} times`, { timeout }, async () => {
    await using replicas = await Replicas.start({ writerLock })
    const leads = [replicas.first.connect(), replicas.second.connect()]
    for (const round of upTo(rounds)) {
      const input = { type: 'code', idempotencyKey: `round ${round}` }
      const replies = await Promise.all([...leads, ...leads].map((lead) => lead.tasks.create(input)))
      expect(new Set(replies.map(({ id }) => id)).size).toBe(1)
    }
    expect(await replicas.database.rows('select id from tasks')).toHaveLength(rounds)
  })

  test('the feed has no gaps and is in commit order with eight writers', { timeout }, async () => {
    await using replicas = await Replicas.start({ writerLock })
    const agents = await agentsOf(replicas, 8)
    const lead = replicas.first.connect()
    const { cursor } = await lead.events.list({ limit: 1_000 })
    const each = rounds
    const watching = [replicas.first, replicas.second].map((server) => {
      const watcher = server.connect()
      return take(watcher.events.subscribe({ cursor, types: ['message.sent'] }), each * agents.length)
    })
    await Promise.all(
      agents.map(async (agent, index) => {
        const to = `agent ${((index + 3) % agents.length) + 1}`
        for (const payload of upTo(each)) await agent.messages.send({ to, type: 'note', payload })
      }),
    )
    const [first, second] = await Promise.all(watching)
    const seqs = first?.map(({ seq }) => seq) ?? []
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
    expect(new Set(seqs).size).toBe(each * agents.length)
    expect(second).toEqual(first)
    await expectDenseFeed(replicas)
    await expectCountersRight(replicas)
  })
})

describe.skipIf(postgresServer === undefined).each([true, false])(
  'between two replicas, notifications: %s',
  (notify) => {
    test('a claim that waits at one finds a task that is created at the other', async () => {
      await using replicas = await Replicas.start({ notify })
      const ann = await replicas.second.agent('ann')
      const waiting = ann.tasks.claim({ waitMs: 20_000 })
      const task = await replicas.first.connect().tasks.create({ type: 'code' })
      expect((await waiting).tasks.map(({ id }) => id)).toEqual([task.id])
    })

    test('an inbox subscription at one delivers a message that is sent at the other', async () => {
      await using replicas = await Replicas.start({ notify })
      const ann = await replicas.second.agent('ann')
      const mail = take(ann.messages.inbox({}), 3)
      const lead = replicas.first.connect()
      for (const payload of upTo(3)) await lead.messages.send({ to: 'ann', type: 'note', payload })
      expect((await mail).map(({ payload }) => payload)).toEqual([1, 2, 3])
    })

    test('an agent that was unregistered at one is refused at the other', async () => {
      await using replicas = await Replicas.start({ notify })
      const ann = await replicas.second.agent('ann')
      await replicas.first.connect().agents.unregister({ agent: 'ann' })
      expect((await refusal(ann.tasks.claim({}))).code).toBe('TOKEN_REVOKED')
      const startedAt = performance.now()
      expect(await refusedAtLast(() => ann.tasks.list({}))).toBe('TOKEN_REVOKED')
      expect(performance.now() - startedAt).toBeLessThan(2_000)
    })
  },
)
