import type { agentHeartbeatInput, agentHeartbeatOutput } from '@tony/mcp-shared/agents'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import { admissionOf, agentStateOf } from '../../domain/agents/admission.ts'
import { saveSample } from '../../domain/agents/health-sample.ts'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { extendLeaseIn } from '../../domain/tasks/extend-lease.ts'
import { findTask, leaseSerialKeyOf } from '../../domain/tasks/lease.ts'
import { releaseUnlisted } from '../../domain/tasks/release-lease.ts'
import { iso } from '../../platform/times.ts'
import { type StatementParts, singleRowUpdate, statement, type Transaction } from '../../store/store.ts'

type Output = z.output<typeof agentHeartbeatOutput>

const saveLastActivity = singleRowUpdate(
  statement(({ db, t, p }: StatementParts<{ agentId: string; now: number }>) =>
    db
      .update(t.agents)
      .set({ lastActivity: p.now })
      .where(eq(t.agents.id, p.agentId))
      .returning({ id: t.agents.id })
      .prepare(),
  ),
)

/**
 * `agents.heartbeat`: presence and leases follow one clock. Extends the listed leases and returns
 * the lost ones.
 */
export function heartbeat(ctx: Context, input: z.output<typeof agentHeartbeatInput>): Promise<Output> {
  const agent = requireAgent(ctx.principal)
  const { project } = ctx.principal
  const serialKeys = [`heartbeat ${agent.id}`, ...input.leases.map(({ taskId }) => leaseSerialKeyOf(taskId))]
  const work = async (tx: Transaction) => {
    if (input.health) await saveSample(tx, agent.id, input.health)
    // Sent together: with PostgreSQL they share one round trip.
    const [admission, expiries] = await Promise.all([
      admissionOf(tx, agent.id),
      Promise.all(input.leases.map((lease) => extendLeaseIn(tx, ctx.principal, lease))),
      tx.run(saveLastActivity, { agentId: agent.id, now: tx.now }),
    ])
    const reply: Output = { extended: [], lost: [], state: agentStateOf(admission) }
    for (const [index, lease] of input.leases.entries()) {
      const leaseExpiresAt = expiries[index]
      if (leaseExpiresAt !== undefined) {
        reply.extended.push({ taskId: lease.taskId, leaseExpiresAt: iso(leaseExpiresAt) })
        continue
      }
      const [row] = await tx.run(findTask, { project, taskId: lease.taskId })
      reply.lost.push({ taskId: lease.taskId, reason: row?.status === 'cancelled' ? 'cancelled' : 'stale' })
    }
    await releaseUnlisted(tx, agent, new Set(reply.extended.map(({ taskId }) => taskId)))
    return reply
  }
  return ctx.transact(work, { serialKeys })
}
