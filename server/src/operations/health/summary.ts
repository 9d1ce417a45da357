import { type healthSummaryInput, type healthSummaryOutput, summarySamples } from '@tony/mcp-shared/health'
import { and, desc, eq, gte, type SQLWrapper, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { type Census, censusOf } from '../../domain/agents/counts.ts'
import type { Context } from '../../domain/context.ts'
import { nextTurn } from '../../platform/clock.ts'
import { type Query, statement } from '../../store/store.ts'
import { presentSample } from './serialize.ts'

type Output = z.output<typeof healthSummaryOutput>

/** From here on an agent's errors count as trouble. */
const troubleRate = 0.5
const reportLimit = 500
/** On a file no read waits for anything: eight summaries at once of a fleet of hundreds held the loop up for 200 ms. */
const agentsPerTurn = 20

interface Window {
  agentId: string
  since: number
}

const newest = statement(({ db, t, p }: Query<Window>) =>
  db
    .select()
    .from(t.healthMetrics)
    .where(and(eq(t.healthMetrics.agentId, p.agentId), gte(t.healthMetrics.timestamp, p.since)))
    .orderBy(desc(t.healthMetrics.timestamp))
    .limit(1)
    .prepare(),
)

/** Sums and counts, of which means over all agents can be made. */
const sums = statement(({ db, t, p }: Query<Window>) => {
  const { agentId, timestamp, requestsHandled, avgResponseTime, errorRate, cpuUsage, memoryUsage } = t.healthMetrics
  const samples = db
    .select({ requestsHandled, avgResponseTime, errorRate, cpuUsage, memoryUsage })
    .from(t.healthMetrics)
    .where(and(eq(agentId, p.agentId), gte(timestamp, p.since)))
    .orderBy(desc(timestamp))
    .limit(summarySamples)
    .as('samples')
  const both = (column: SQLWrapper) => ({
    sum: sql<number>`coalesce(sum(${column}), 0)`,
    count: sql<number>`count(${column})`,
  })
  return db
    .select({
      requestsHandled: both(samples.requestsHandled),
      avgResponseTimeMs: both(samples.avgResponseTime),
      errorRate: both(samples.errorRate),
      cpuUsage: both(samples.cpuUsage),
      memoryUsage: both(samples.memoryUsage),
    })
    .from(samples)
    .prepare()
})

const figures = ['requestsHandled', 'avgResponseTimeMs', 'errorRate', 'cpuUsage', 'memoryUsage'] as const
type Figure = (typeof figures)[number]
type Sums = Readonly<Record<Figure, { readonly sum: number; readonly count: number }>>

/** The sum of a figure over all agents, and of how many samples. */
function total(all: readonly Sums[], figure: Figure): { sum: number; count: number } {
  const of = all.map((one) => one[figure])
  return { sum: of.reduce((sum, one) => sum + one.sum, 0), count: of.reduce((count, one) => count + one.count, 0) }
}

function overall(all: readonly Sums[]): Output['metrics'] {
  const mean = (figure: Figure): number | null => {
    const { sum, count } = total(all, figure)
    return count === 0 ? null : sum / count
  }
  const handled = total(all, 'requestsHandled')
  return {
    requestsHandled: handled.count === 0 ? null : handled.sum,
    avgResponseTimeMs: mean('avgResponseTimeMs'),
    errorRate: mean('errorRate'),
    cpuUsage: mean('cpuUsage'),
    memoryUsage: mean('memoryUsage'),
  }
}

function verdict({ total: agents, byStatus }: Census, reports: Output['reports']): Output['status'] {
  if (byStatus.offline === agents) return 'unhealthy'
  const troubled = reports.some(({ errorRate }) => errorRate !== null && errorRate > troubleRate)
  return byStatus.offline > 0 || troubled ? 'degraded' : 'healthy'
}

/** `health.summary`: how the fleet is. Two reads of the index for each agent, however many samples there are. */
export const summaryOfHealth = (ctx: Context, { windowMs }: z.output<typeof healthSummaryInput>): Promise<Output> =>
  ctx.read(async (reader) => {
    const census = await censusOf(reader, ctx, ctx.principal.project)
    const since = reader.now - windowMs
    const [reports, all]: [Output['reports'], Sums[]] = [[], []]
    for (const [index, { id, name }] of census.agents.entries()) {
      if (index % agentsPerTurn === 0) await nextTurn()
      const [row] = await reader.run(newest, { agentId: id, since })
      if (!row) continue
      reports.push({ ...presentSample(row), agentId: id, name })
      all.push(...(await reader.run(sums, { agentId: id, since })))
    }
    return {
      status: verdict(census, reports),
      agents: { total: census.total, byStatus: census.byStatus },
      metrics: overall(all),
      reports: reports.slice(0, reportLimit),
    }
  })
