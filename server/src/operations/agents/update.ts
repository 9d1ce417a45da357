import type { agentUpdateInput } from '@tony/mcp-shared/agents'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { type AgentOutput, requireAgentRow, toAgentOutput } from './serialize.ts'

/**
 * `agents.update`: changes the caller's own description. Its role stays the one of its
 * registration.
 */
export function updateAgent(ctx: Context, input: z.output<typeof agentUpdateInput>): Promise<AgentOutput> {
  const { id } = requireAgent(ctx.principal)
  const { project } = ctx.principal
  const { type, capabilities, metadata } = input
  return ctx.transactLargeReply(async (tx) => {
    if (type === undefined && capabilities === undefined && metadata === undefined)
      return toAgentOutput(ctx, tx, await requireAgentRow(tx, project, id))
    const { agents } = tx.t
    const [row] = await tx.db
      .update(agents)
      .set({
        ...(type === undefined ? {} : { type }),
        ...(capabilities === undefined ? {} : { capabilities: JSON.stringify(capabilities) }),
        ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
      })
      .where(eq(agents.id, id))
      .returning()
    if (!row) throw new Error('the agent was deleted during the call')
    const data = { name: row.name, type: row.type, capabilities: JSON.parse(row.capabilities) }
    tx.append({ type: 'agent.updated', subject: id, actor: id, data })
    if (capabilities !== undefined) tx.notify({ topic: 'fleet', project, agentId: id })
    return toAgentOutput(ctx, tx, row)
  })
}
