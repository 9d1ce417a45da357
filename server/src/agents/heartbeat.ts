import type { agentHeartbeatInput, agentHeartbeatOutput } from '@tony/mcp-shared/agents'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { gateOf, stateOf } from '../fleet/gate.ts'
import { extendIn } from '../leases/extend.ts'
import { findTask } from '../leases/lease.ts'
import { countBeatAgainst, releaseUnlisted } from '../leases/release.ts'
import { requireAgent } from '../principal.ts'
import { type Query, statement } from '../store/store.ts'
import { iso } from '../times.ts'
import { keepSample } from '../vitals/sample.ts'

type Output = z.output<typeof agentHeartbeatOutput>

const touch = statement(({ db, t, p }: Query<{ agentId: string; now: number }>) =>
  db
    .update(t.agents)
    .set({ lastActivity: p.now })
    .where(eq(t.agents.id, p.agentId))
    .returning({ id: t.agents.id })
    .prepare(),
)

/** `agents.heartbeat`: one clock for presence and leases. Extends what it lists and says what is lost. */
export function heartbeat(ctx: Context, input: z.output<typeof agentHeartbeatInput>): Promise<Output> {
  const agent = requireAgent(ctx.principal)
  const { project } = ctx.principal
  return ctx.transact(async (tx) => {
    await tx.run(touch, { agentId: agent.id, now: tx.now })
    if (input.health) await keepSample(tx, agent.id, input.health)
    await countBeatAgainst(tx, agent.id, agent.incarnation)
    const reply: Output = { extended: [], lost: [], state: stateOf(await gateOf(tx, agent.id)) }
    for (const lease of input.leases) {
      const leaseExpiresAt = await extendIn(tx, ctx.principal, lease)
      if (leaseExpiresAt !== undefined) {
        reply.extended.push({ taskId: lease.taskId, leaseExpiresAt: iso(leaseExpiresAt) })
        continue
      }
      const [row] = await tx.run(findTask, { project, taskId: lease.taskId })
      reply.lost.push({ taskId: lease.taskId, reason: row?.status === 'cancelled' ? 'cancelled' : 'stale' })
    }
    await releaseUnlisted(tx, agent.id)
    return reply
  })
}
