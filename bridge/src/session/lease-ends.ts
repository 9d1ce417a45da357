import type { Agent } from '@tony/mcp-client'
import { z } from 'zod'
import { type Clock, pause } from '../clock.ts'
import type { Leases } from './leases.ts'

/** What ends a lease and is never its holder's doing, as a release may be. */
const types = ['task.cancelled', 'task.expired', 'task.timedOut'] as const

const ofAttempt = z.object({ attempt: z.int() })

/** Between a feed that could not go on and the next, in milliseconds. */
const againMs = 1_000

/** Takes note of leases that end as soon as the feed tells, until `ended`: a heartbeat would tell as well, up to its interval later. */
export async function followEnds(agent: Agent, leases: Leases, clock: Clock, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await take(agent, leases, ended).catch(() => undefined)
    await pause(clock, againMs, ended)
  }
}

async function take(agent: Agent, leases: Leases, signal: AbortSignal): Promise<void> {
  for await (const { type, subject, data } of agent.watch({ types, agentId: agent.id }, { signal })) {
    const told = ofAttempt.safeParse(data)
    if (subject === null || !told.success) continue
    const why = type === 'task.cancelled' ? 'it was cancelled' : 'its lease is over'
    leases.lose(subject, why, told.data.attempt)
  }
}
