import type { agentListInput, agentListOutput } from '@tony/mcp-shared/agents'
import { and, eq, ne } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { toAgentOutput } from './serialize.ts'

/** `agents.list`: sorted by name. */
export const listAgents = (
  ctx: Context,
  input: z.output<typeof agentListInput>,
): Promise<z.output<typeof agentListOutput>> =>
  ctx.read(async (reader) => {
    const { agents } = reader.t
    const ofType = input.type === undefined ? [] : [eq(agents.type, input.type)]
    const rows = await reader.db
      .select()
      .from(agents)
      .where(and(eq(agents.projectId, ctx.principal.project), ne(agents.status, 'unregistered'), ...ofType))
      .orderBy(agents.name)
    const outputs = await Promise.all(rows.map((row) => toAgentOutput(ctx, reader, row)))
    const matching = outputs.filter(
      ({ status, capabilities }) =>
        (input.status === undefined || status === input.status) &&
        (input.capability === undefined || capabilities.includes(input.capability)),
    )
    return { agents: matching.slice(0, input.limit) }
  })
