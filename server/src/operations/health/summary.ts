import { type healthSummaryInput, type healthSummaryOutput, maxSummarySamples } from '@tony/mcp-shared/health'
import { and, desc, eq, gte, type SQLWrapper, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { agentCountsOf, type FleetSummary } from '../../domain/agents/counts.ts'
import type { Context } from '../../domain/context.ts'
import { yieldToEventLoop } from '../../platform/clock.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import { toSample } from './serialize.ts'

type Output = z.output<typeof healthSummaryOutput>

/** Above this error rate an agent makes the fleet `degraded`. */
const degradedErrorRate = 0.5
const reportLimit = 500
/**
 * The number of agents to read before the summary yields to the event loop. Reads of SQLite never
 * yield by themselves: eight concurrent summaries of hundreds of agents blocked it for 200 ms.
 */
const agentsPerYield = 20

interface SampleWindow {
  agentId: string
  since: number
}

const findNewestSample = statement(({ db, t, p }: StatementParts<SampleWindow>) =>
  db
    .select()
    .from(t.healthMetrics)
    .where(and(eq(t.healthMetrics.agentId, p.agentId), gte(t.healthMetrics.timestamp, p.since)))
    .orderBy(desc(t.healthMetrics.timestamp))
    .limit(1)
    .prepare(),
)

/** Returns sums and counts, from which the means over all agents are computed. */
const sumSamples = statement(({ db, t, p }: StatementParts<SampleWindow>) => {
  const { agentId, timestamp, requestsHandled, avgResponseTime, errorRate, cpuUsage, memoryUsage } = t.healthMetrics
  const samples = db
    .select({ requestsHandled, avgResponseTime, errorRate, cpuUsage, memoryUsage })
    .from(t.healthMetrics)
    .where(and(eq(agentId, p.agentId), gte(timestamp, p.since)))
    .orderBy(desc(timestamp))
    .limit(maxSummarySamples)
    .as('samples')
  const sumAndCount = (column: SQLWrapper) => ({
    sum: sql<number>`coalesce(sum(${column}), 0)`,
    count: sql<number>`count(${column})`,
  })
  return db
    .select({
      requestsHandled: sumAndCount(samples.requestsHandled),
      avgResponseTimeMs: sumAndCount(samples.avgResponseTime),
      errorRate: sumAndCount(samples.errorRate),
      cpuUsage: sumAndCount(samples.cpuUsage),
      memoryUsage: sumAndCount(samples.memoryUsage),
    })
    .from(samples)
    .prepare()
})

const statNames = ['requestsHandled', 'avgResponseTimeMs', 'errorRate', 'cpuUsage', 'memoryUsage'] as const
type StatName = (typeof statNames)[number]
type SampleSums = Readonly<Record<StatName, { readonly sum: number; readonly count: number }>>

/** Returns the sum of one stat over all agents, and the number of its samples. */
function totalOf(all: readonly SampleSums[], stat: StatName): { sum: number; count: number } {
  const of = all.map((one) => one[stat])
  return { sum: of.reduce((sum, one) => sum + one.sum, 0), count: of.reduce((count, one) => count + one.count, 0) }
}

function overallMetricsOf(all: readonly SampleSums[]): Output['metrics'] {
  const mean = (stat: StatName): number | null => {
    const { sum, count } = totalOf(all, stat)
    return count === 0 ? null : sum / count
  }
  const handled = totalOf(all, 'requestsHandled')
  return {
    requestsHandled: handled.count === 0 ? null : Math.min(handled.sum, Number.MAX_SAFE_INTEGER),
    avgResponseTimeMs: mean('avgResponseTimeMs'),
    errorRate: mean('errorRate'),
    cpuUsage: mean('cpuUsage'),
    memoryUsage: mean('memoryUsage'),
  }
}

function overallStatusOf({ total: agents, byStatus }: FleetSummary, reports: Output['reports']): Output['status'] {
  if (byStatus.offline === agents) return 'unhealthy'
  const troubled = reports.some(({ errorRate }) => errorRate !== null && errorRate > degradedErrorRate)
  return byStatus.offline > 0 || troubled ? 'degraded' : 'healthy'
}

/**
 * `health.summary`: the state of the fleet. It reads the index twice for each agent, for any number
 * of samples.
 */
export const getHealthSummary = (ctx: Context, { windowMs }: z.output<typeof healthSummaryInput>): Promise<Output> =>
  ctx.read(async (reader) => {
    const counts = await agentCountsOf(reader, ctx, ctx.principal.project)
    const since = reader.now - windowMs
    const [reports, all]: [Output['reports'], SampleSums[]] = [[], []]
    for (const [index, { id, name }] of counts.agents.entries()) {
      if (index % agentsPerYield === 0) await yieldToEventLoop()
      const [row] = await reader.run(findNewestSample, { agentId: id, since })
      if (!row) continue
      reports.push({ ...toSample(row), agentId: id, name })
      all.push(...(await reader.run(sumSamples, { agentId: id, since })))
    }
    return {
      status: overallStatusOf(counts, reports),
      agents: { total: counts.total, byStatus: counts.byStatus },
      metrics: overallMetricsOf(all),
      reports: reports.slice(0, reportLimit),
    }
  })
