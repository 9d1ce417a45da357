import type { Agent } from '@tony/mcp-client'
import { z } from 'zod'
import { type Clock, sleep } from '../clock.ts'
import type { Leases } from './leases.ts'

/** Events that end a lease without an action of its holder, which `task.released` may be. */
const leaseEndTypes = ['task.cancelled', 'task.expired', 'task.timed_out'] as const

const attemptSchema = z.object({ attempt: z.int() })

/** Pause before a broken feed is opened again, in milliseconds. */
const retryDelayMs = 1_000

/**
 * Records ended leases as soon as the feed reports them, until `ended` aborts. The next heartbeat
 * would report them too, but later.
 */
export async function watchLeaseEnds(agent: Agent, leases: Leases, clock: Clock, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await watchLeaseEndsOnce(agent, leases, ended).catch(() => undefined)
    await sleep(clock, retryDelayMs, ended)
  }
}

async function watchLeaseEndsOnce(agent: Agent, leases: Leases, signal: AbortSignal): Promise<void> {
  for await (const { type, subject, data } of agent.watch({ types: leaseEndTypes, agentId: agent.id }, { signal })) {
    const parsed = attemptSchema.safeParse(data)
    if (subject === null || !parsed.success) continue
    const reason = type === 'task.cancelled' ? 'it was cancelled' : 'its lease has ended'
    leases.markLost(subject, reason, parsed.data.attempt)
  }
}
