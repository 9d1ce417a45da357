import type { agentUnregisterInput, agentUnregisterOutput } from '@tony/mcp-shared/agents'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { releaseEarlier } from '../leases/release.ts'
import { actorOf, may, requireAgent } from '../principal.ts'
import { revokeSessions } from '../sessions/session.ts'
import { type Query, statement } from '../store/store.ts'
import { requireAgentRow } from './present.ts'

const leave = statement(({ db, t, p }: Query<{ agentId: string }>) =>
  db
    .update(t.agents)
    .set({ status: 'unregistered', incarnation: sql`${t.agents.incarnation} + 1` })
    .where(eq(t.agents.id, p.agentId))
    .returning({ incarnation: t.agents.incarnation })
    .prepare(),
)

/** `agents.unregister`: ends the sessions and releases the leases. The mailbox is kept. */
export function unregisterAgent(
  ctx: Context,
  input: z.output<typeof agentUnregisterInput>,
): Promise<z.output<typeof agentUnregisterOutput>> {
  const wanted = input.agent ?? requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const row = await requireAgentRow(tx, ctx.principal.project, wanted)
    if (row.id !== ctx.principal.agent?.id && !may(ctx.principal, 'agents:remove')) {
      throw new CoordinationError('FORBIDDEN', 'unregistering another agent needs the role tech-lead')
    }
    const [left] = await tx.run(leave, { agentId: row.id })
    const incarnation = left?.incarnation ?? row.incarnation + 1
    const releasedLeases = await releaseEarlier(
      tx,
      { id: row.id, incarnation },
      { actor: actorOf(ctx.principal), reason: 'unregistered' },
    )
    await revokeSessions(tx, row.id)
    tx.append({ type: 'agent.unregistered', subject: row.id, actor: actorOf(ctx.principal), data: { name: row.name } })
    tx.wake({ topic: 'incarnation', agentId: row.id, incarnation, left: true })
    return { agentId: row.id, releasedLeases }
  })
}
