import type { LeasedTask } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { ask } from '../access/given.ts'
import { claimOne, leaseOf, receiptOf } from '../api/given.ts'
import { upTo } from '../store/given.ts'
import { postgresServer } from '../support/postgres.ts'
import { type ReplicaOptions, Replicas } from '../support/replicas.ts'
import { roundsOf } from '../support/rounds.ts'
import type { TestAgent } from '../support/server.ts'

/**
 * The number of rounds. In each, two replicas race for a rule across rows. If each sees the state
 * before the other's write, both keep the rule and break it together. The writer lock is off,
 * because it would order the two. The objects of many rounds are created at once.
 */
const rounds = roundsOf({ part: 50, full: 1_000, variable: 'ROUNDS' })
const timeout = 60_000 + rounds * 400

/** The number of rounds whose objects are created at once. */
const together = 25
const batches = upTo(Math.ceil(rounds / together))
const places = upTo(together)

async function twoReplicas(config: NonNullable<ReplicaOptions['config']> = {}) {
  const replicas = await Replicas.start({ writerLock: false, config })
  const [ann, bob] = await Promise.all([replicas.first.agent('ann'), replicas.second.agent('bob')])
  return {
    replicas,
    ann,
    bob,
    lead: replicas.first.connect(),
    [Symbol.asyncDispose]: () => replicas[Symbol.asyncDispose](),
  }
}

/** Claims tasks for an agent and returns the leases by task id. */
async function claimAll(agent: TestAgent, count: number): Promise<Map<string, LeasedTask>> {
  const { tasks } = await agent.tasks.claim({ limit: count, leaseMs: 3_600_000 })
  expect(tasks).toHaveLength(count)
  return new Map(tasks.map((task) => [task.id, task]))
}

describe.skipIf(postgresServer === undefined)('two replicas that write at the same time', () => {
  test(`complete the last two dependencies of a task, and it is unblocked: ${rounds} times`, { timeout }, async () => {
    await using set = await twoReplicas()
    const { replicas, ann, bob, lead } = set
    for (const _ of batches) {
      const specs = places.flatMap((place) => [
        { key: `a${place}`, type: 'code', assignedTo: ann.name },
        { key: `b${place}`, type: 'code', assignedTo: bob.name },
        { type: 'freed', requires: ['nobody has this'], dependsOn: [`a${place}`, `b${place}`] },
      ])
      const { tasks } = await lead.tasks.createMany({ tasks: specs })
      const [anns, bobs] = await Promise.all([claimAll(ann, together), claimAll(bob, together)])
      for (const place of places) {
        const [a, b] = [anns.get(tasks[3 * place - 3]?.id ?? ''), bobs.get(tasks[3 * place - 2]?.id ?? '')]
        if (!a || !b) throw new Error('the two tasks of a round were claimed')
        await Promise.all([ann.tasks.complete(leaseOf(a)), bob.tasks.complete(leaseOf(b))])
      }
    }
    const freed = await replicas.database.rows(
      `select count(*) as tasks, count(ready) as ready, sum(open_deps) as open from tasks where type = 'freed'`,
    )
    const all = batches.length * together
    expect(freed).toEqual([{ tasks: all, ready: all, open: 0 }])
  })

  test(`request a folder and a file in it, and one gets its lock: ${rounds} times`, { timeout }, async () => {
    await using set = await twoReplicas()
    const { replicas, ann, bob, lead } = set
    for (const batch of batches) {
      for (const { name } of [ann, bob]) await lead.tasks.create({ type: 'code', assignedTo: name })
      const leases = [leaseOf(await claimOne(ann)), leaseOf(await claimOne(bob))] as const
      for (const place of places) {
        const folder = `file:src/${batch}/${place}/`
        // Each replica gets one call. A client would repeat it until the lock is free.
        const answers = await Promise.all([
          ask(replicas.first, 'tasks.lock', ann.token, {
            kind: 'mutation',
            input: { ...leases[0], locks: [folder] },
          }),
          ask(replicas.second, 'tasks.lock', bob.token, {
            kind: 'mutation',
            input: { ...leases[1], locks: [`${folder}login.ts`] },
          }),
        ])
        expect(answers.map(({ code }) => code).toSorted()).toEqual(['LOCK_CONFLICT', 'OK'])
      }
      expect(await replicas.database.rows('select count(*) as held from locks')).toEqual([{ held: together }])
      await Promise.all([ann.tasks.complete(leases[0]), bob.tasks.complete(leases[1])])
    }
    expect(await replicas.database.rows('select * from locks')).toEqual([])
  })

  test(`send to an inbox with a capacity of one more, and one message is accepted: ${rounds} times`, {
    timeout,
  }, async () => {
    await using set = await twoReplicas({ maxPending: 1 })
    const { replicas, ann, bob } = set
    const boxes = await Promise.all(places.map((place) => replicas.at(place).agent(`box ${place}`)))
    for (const _ of batches) {
      for (const { name: to } of boxes) {
        const input = { to, type: 'note', payload: 1, priority: 'critical' }
        const answers = await Promise.all([
          ask(replicas.first, 'messages.send', ann.token, { kind: 'mutation', input }),
          ask(replicas.second, 'messages.send', bob.token, { kind: 'mutation', input }),
        ])
        expect(answers.map(({ code }) => code).toSorted()).toEqual(['INBOX_FULL', 'OK'])
      }
      await Promise.all(
        boxes.map(async (box) => {
          const { messages } = await box.messages.receive({ limit: 2, waitMs: 1_000 })
          expect(messages).toHaveLength(1)
          for (const message of messages) await box.messages.ack(receiptOf(message))
        }),
      )
    }
    const counted = await replicas.database.rows('select distinct accepted, acked from mailboxes where accepted > 0')
    expect(counted).toEqual([{ accepted: batches.length, acked: batches.length }])
  })

  test(`use a key with one use, and one succeeds: ${rounds} times`, { timeout }, async () => {
    await using set = await twoReplicas({ devRole: 'admin' })
    const { replicas, lead } = set
    for (const batch of batches) {
      const keys = await Promise.all(
        places.map((place) =>
          lead.auth.keys.create({
            name: `${batch} ${place}`,
            scopes: ['agents:register'],
            roleCeiling: 'developer',
            maxUses: 1,
          }),
        ),
      )
      for (const [place, { key }] of keys.entries()) {
        const answers = await Promise.all(
          [replicas.first, replicas.second].map((server, index) =>
            ask(server, 'agents.register', key, {
              kind: 'mutation',
              input: { name: `worker ${batch} ${place} ${index}`, type: 'code' },
            }),
          ),
        )
        expect(answers.map(({ code }) => code).toSorted()).toEqual(['OK', 'UNAUTHENTICATED'])
      }
    }
    const uses = await replicas.database.rows('select uses, count(*) as keys from credentials group by uses')
    expect(uses).toEqual([{ uses: 1, keys: batches.length * together }])
    const agents = await replicas.database.rows(`select count(*) as agents from agents where name like 'worker %'`)
    expect(agents).toEqual([{ agents: batches.length * together }])
  })
})
