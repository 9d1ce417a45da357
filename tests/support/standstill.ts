import { createClient } from '@tony/mcp-client'
import { expect } from 'vitest'

/** The shortest possible lease, in milliseconds. */
export const shortestLeaseMs = 5_000

/** The events of a lease, an attempt or a delivery that ended without its holder. */
const lossTypes = ['task.expired', 'task.failed', 'message.returned', 'message.dead'] as const

/**
 * Runs `standStill`, which stops a server for longer than the leases and the deliveries of an
 * agent. Expects that it loses none of them, that no failure is counted and that nobody gets its
 * work a second time.
 */
export async function expectNoLoss(url: string, standStill: () => Promise<void>): Promise<void> {
  const lead = createClient({ url, deadlineMs: 120_000 })
  const connect = async (name: string) => {
    const { token } = await lead.agents.register({ name, type: 'implementation', role: 'developer' })
    return createClient({ url, token, deadlineMs: 120_000 })
  }
  const [ada, next] = [await connect('ada'), await connect('next')]
  await lead.tasks.createMany({ tasks: Array.from({ length: 10 }, () => ({ type: 'code' as const })) })
  await lead.messages.send({ to: 'ada', type: 'note', payload: 1 })
  const { messages } = await ada.messages.receive({ ackWaitMs: shortestLeaseMs })
  const { tasks } = await ada.tasks.claim({ limit: 10, leaseMs: shortestLeaseMs })
  await standStill()
  const leases = tasks.map(({ id, leaseToken }) => ({ taskId: id, leaseToken }))
  const acks = messages.map(({ id, receipt }) => ({ messageId: id, receipt }))
  const [beat, acked] = await Promise.all([ada.agents.heartbeat({ leases }), ada.messages.ack({ acks })])
  expect({ extended: beat.extended.length, lost: beat.lost }).toEqual({ extended: 10, lost: [] })
  expect(acked.results?.map(({ status }) => status)).toEqual(['acked'])
  expect((await next.tasks.claim({ limit: 10 })).tasks).toEqual([])
  expect((await ada.messages.receive({})).messages).toEqual([])
  for (const lease of leases) {
    const { status } = await ada.tasks.complete(lease)
    const { attempt, failures } = await lead.tasks.get({ taskId: lease.taskId })
    expect({ status, attempt, failures }).toEqual({ status: 'completed', attempt: 1, failures: 0 })
  }
  expect((await lead.events.list({ types: [...lossTypes] })).events).toEqual([])
  for (const client of [lead, ada, next]) client.close()
}
