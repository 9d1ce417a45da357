import type { healthHistoryInput, healthHistoryOutput } from '@tony/mcp-shared/health'
import { and, desc, eq, gte, lt } from 'drizzle-orm'
import type { z } from 'zod'
import { knownAgent } from '../../domain/agents/lookup.ts'
import type { Context } from '../../domain/context.ts'
import { placeholder, type Query, statement } from '../../store/store.ts'
import { presentSample } from './serialize.ts'

const newest = statement(({ db, t, p }: Query<{ agentId: string; since: number; until: number; limit: number }>) =>
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

const timeOf = (given: string | undefined, otherwise: number): number =>
  given === undefined ? otherwise : Date.parse(given)

/** `health.history`: what one agent reported, newest first. Of one that has left, too. */
export const historyOfHealth = (
  ctx: Context,
  input: z.output<typeof healthHistoryInput>,
): Promise<z.output<typeof healthHistoryOutput>> =>
  ctx.read(async (reader) => {
    const agentId = await knownAgent(reader, ctx.principal.project, input.agent)
    const samples = await reader.run(newest, {
      agentId,
      since: timeOf(input.since, 0),
      until: timeOf(input.until, Number.MAX_SAFE_INTEGER),
      limit: input.limit,
    })
    return { agentId, samples: samples.map(presentSample) }
  })
