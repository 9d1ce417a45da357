import type { agentDrainInput } from '@tony/mcp-shared/agents'
import { and, eq, isNull } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { type AgentOutput, requireAgentRow, toAgentOutput } from './serialize.ts'

/** `agents.drain`: the agent finishes its leases, reads its messages and gets no new work. */
export const drainAgent = (ctx: Context, input: z.output<typeof agentDrainInput>): Promise<AgentOutput> =>
  ctx.transactLargeReply(async (tx) => {
    const known = await requireAgentRow(tx, ctx.principal.project, input.agent)
    const { agents } = tx.t
    const [row] = await tx.db
      .update(agents)
      .set({ drainingAt: tx.now })
      .where(and(eq(agents.id, known.id), isNull(agents.drainingAt)))
      .returning()
    const data = { name: known.name }
    if (row) tx.append({ type: 'agent.draining', subject: known.id, actor: actorOf(ctx.principal), data })
    return toAgentOutput(ctx, tx, row ?? known)
  })
