import type { agentGetInput } from '@tony/mcp-shared/agents'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type AgentOutput, requireAgentRow, toAgentOutput } from './serialize.ts'

export const getAgent = (ctx: Context, input: z.output<typeof agentGetInput>): Promise<AgentOutput> =>
  ctx.read(async (reader) =>
    toAgentOutput(ctx, reader, await requireAgentRow(reader, ctx.principal.project, input.agent)),
  )
