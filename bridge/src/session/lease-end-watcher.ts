import type { Agent } from '@tony/mcp-client'
import { z } from 'zod'
import { type Clock, sleep } from '../clock.ts'
import type { Leases } from './leases.ts'

/** What ends a lease and is never its holder's doing, as a release may be. */
const leaseEndTypes = ['task.cancelled', 'task.expired', 'task.timedOut'] as const

const attemptSchema = z.object({ attempt: z.int() })

/** Between a feed that could not go on and the next, in milliseconds. */
const retryDelayMs = 1_000

/** Takes note of leases that end as soon as the feed tells, until `ended`: a heartbeat would tell as well, up to its interval later. */
export async function watchLeaseEnds(agent: Agent, leases: Leases, clock: Clock, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await watchOnce(agent, leases, ended).catch(() => undefined)
    await sleep(clock, retryDelayMs, ended)
  }
}

async function watchOnce(agent: Agent, leases: Leases, signal: AbortSignal): Promise<void> {
  for await (const { type, subject, data } of agent.watch({ types: leaseEndTypes, agentId: agent.id }, { signal })) {
    const parsed = attemptSchema.safeParse(data)
    if (subject === null || !parsed.success) continue
    const reason = type === 'task.cancelled' ? 'it was cancelled' : 'its lease is over'
    leases.markLost(subject, reason, parsed.data.attempt)
  }
}
