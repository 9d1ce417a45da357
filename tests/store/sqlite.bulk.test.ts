import { type Client, createClient } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { Child } from '../support/child.ts'
import { StoreFolder } from '../support/store.ts'

const deadlineMs = 120_000

const list = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index))

const broadcast = (lead: Client, count: number): Promise<unknown> =>
  lead.messages.sendMany({ messages: list(count, () => ({ to: '*', type: 'note', payload: 1 })) })

const create = (lead: Client): Promise<unknown> =>
  lead.tasks.createMany({ tasks: list(200, () => ({ type: 'code' as const, requires: ['bulk'] })) })

const bulkCalls: readonly (readonly [string, (lead: Client) => readonly Promise<unknown>[]])[] = [
  ['one call with 100 messages to 100 agents', (lead) => [broadcast(lead, 100)]],
  ['24 calls with messages to 100 agents', (lead) => list(24, () => broadcast(lead, 5))],
  ['32 calls that create 200 tasks each', (lead) => list(32, () => create(lead))],
]

// The server has a process and a clock of its own: the time slices of its batches are real.
test.each(bulkCalls)(
  'a heartbeat, a completion and a claim are answered before the end of %s',
  async (_, startBulk) => {
    using folder = new StoreFolder()
    await using child = new Child('serve.ts', folder.file, '0')
    const url = await child.says('ready')
    const lead = createClient({ url, deadlineMs })
    const [first] = await Promise.all(
      list(100, (index) => lead.agents.register({ name: `a${index}`, type: 'implementation', role: 'developer' })),
    )
    const worker = createClient({ url, deadlineMs, token: first?.token ?? '' })
    for (const __ of [1, 2]) await lead.tasks.create({ type: 'code' })
    const held = await claimOne(worker)
    let hasEnded = false
    const bulk = Promise.all(startBulk(lead)).then(() => {
      hasEnded = true
    })
    await worker.agents.heartbeat({ leases: [leaseOf(held)] })
    await worker.tasks.complete(leaseOf(held))
    await claimOne(worker)
    expect(hasEnded).toBe(false)
    await bulk
    for (const client of [lead, worker]) client.close()
  },
)
