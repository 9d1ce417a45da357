import type { healthHistoryInput, healthHistoryOutput } from '@tony/mcp-shared/health'
import { and, desc, eq, gte, lt } from 'drizzle-orm'
import type { z } from 'zod'
import { requireKnownAgent } from '../../domain/agents/lookup.ts'
import type { Context } from '../../domain/context.ts'
import { placeholder, type StatementParts, statement } from '../../store/store.ts'
import { toSample } from './serialize.ts'

const findSamples = statement(
  ({ db, t, p }: StatementParts<{ agentId: string; since: number; until: number; limit: number }>) =>
    db
      .select()
      .from(t.healthMetrics)
      .where(
        and(
          eq(t.healthMetrics.agentId, p.agentId),
          gte(t.healthMetrics.timestamp, p.since),
          lt(t.healthMetrics.timestamp, p.until),
        ),
      )
      .orderBy(desc(t.healthMetrics.timestamp))
      .limit(placeholder('limit'))
      .prepare(),
)

const parseTime = (given: string | undefined, fallback: number): number =>
  given === undefined ? fallback : Date.parse(given)

/** `health.history`: the samples of one agent, newest first, even if it has left. */
export const getHealthHistory = (
  ctx: Context,
  input: z.output<typeof healthHistoryInput>,
): Promise<z.output<typeof healthHistoryOutput>> =>
  ctx.read(async (reader) => {
    const agentId = await requireKnownAgent(reader, ctx.principal.project, input.agent)
    const samples = await reader.run(findSamples, {
      agentId,
      since: parseTime(input.since, 0),
      until: parseTime(input.until, Number.MAX_SAFE_INTEGER),
      limit: input.limit,
    })
    return { agentId, samples: samples.map(toSample) }
  })
