import type { healthSample } from '@tony/mcp-shared/agents'
import type { z } from 'zod'
import { rowlessStatement, type StatementParts, type Transaction } from '../../store/store.ts'

interface SampleParams {
  agentId: string
  now: number
  requestsHandled: number | null
  avgResponseTimeMs: number | null
  errorRate: number | null
  cpuUsage: number | null
  memoryUsage: number | null
}

const insertSample = rowlessStatement(({ db, t, p }: StatementParts<SampleParams>) =>
  db
    .insert(t.healthMetrics)
    .values({
      agentId: p.agentId,
      timestamp: p.now,
      requestsHandled: p.requestsHandled,
      avgResponseTime: p.avgResponseTimeMs,
      errorRate: p.errorRate,
      cpuUsage: p.cpuUsage,
      memoryUsage: p.memoryUsage,
    })
    .prepare(),
)

/** Stores the health sample of an agent with the current time. */
export async function saveSample(tx: Transaction, agentId: string, sample: z.output<typeof healthSample>) {
  const {
    requestsHandled = null,
    avgResponseTimeMs = null,
    errorRate = null,
    cpuUsage = null,
    memoryUsage = null,
  } = sample
  await tx.run(insertSample, {
    agentId,
    now: tx.now,
    requestsHandled,
    avgResponseTimeMs,
    errorRate,
    cpuUsage,
    memoryUsage,
  })
}
