import { describe, expect, test } from 'vitest'
import { claimOne, leaseOf, reading } from '../api/given.ts'
import { upTo } from '../store/given.ts'
import { postgresServer } from '../support/postgres.ts'
import { Replicas } from '../support/replicas.ts'

/**
 * Without a notification a replica polls each second, so 1.5 s is the longest delay. The bound is
 * five times that for a busy machine.
 */
const boundMs = 7_500

const rounds = 5

describe.skipIf(postgresServer === undefined)('with notifications off', () => {
  test('a message, a task and a completion at one replica are found at the other by its next poll', async () => {
    await using replicas = await Replicas.start({ notify: false })
    const lead = replicas.first.connect()
    const bob = await replicas.second.agent('bob')
    const mail = reading(bob.messages.inbox({}))
    const feed = reading(replicas.second.connect().events.subscribe({ types: ['task.created'] }))
    await feed(1)
    const within = async (what: Promise<unknown>) => {
      const startedAt = performance.now()
      await what
      return performance.now() - startedAt
    }
    const took: number[] = []
    for (const payload of upTo(rounds)) {
      const waiting = claimOne(bob, { waitMs: 30_000 })
      const told = feed(1)
      await lead.tasks.create({ type: 'code' })
      took.push(await within(told), await within(waiting))
      await bob.tasks.complete(leaseOf(await waiting))
      const arriving = mail(1)
      await lead.messages.send({ to: 'bob', type: 'note', payload })
      took.push(await within(arriving))
    }
    expect(took).toHaveLength(3 * rounds)
    expect(Math.max(...took)).toBeLessThan(boundMs)
  })
})
