import { CoordinationError } from '@tony/mcp-shared/errors'
import type { healthHistoryInput, healthHistoryOutput } from '@tony/mcp-shared/health'
import { and, desc, eq, gte, lt, or } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { placeholder, type Query, statement } from '../store/store.ts'
import { presentSample } from './sample.ts'

const findAgent = statement(({ db, t, p }: Query<{ project: string; agent: string }>) =>
  db
    .select({ id: t.agents.id })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), or(eq(t.agents.id, p.agent), eq(t.agents.name, p.agent))))
    .prepare(),
)

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
    const [agent] = await reader.run(findAgent, { project: ctx.principal.project, agent: input.agent })
    if (!agent) throw new CoordinationError('NOT_FOUND', `Agent ${input.agent} not found`)
    const samples = await reader.run(newest, {
      agentId: agent.id,
      since: timeOf(input.since, 0),
      until: timeOf(input.until, Number.MAX_SAFE_INTEGER),
      limit: input.limit,
    })
    return { agentId: agent.id, samples: samples.map(presentSample) }
  })
