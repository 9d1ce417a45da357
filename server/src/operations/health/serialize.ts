import type { storedSample } from '@tony/mcp-shared/health'
import type { z } from 'zod'
import { iso } from '../../platform/times.ts'
import type { Tables } from '../../store/tables/tables.ts'

type SampleRow = Tables['healthMetrics']['$inferSelect']

export const toSample = (row: SampleRow): z.output<typeof storedSample> => ({
  at: iso(row.timestamp),
  requestsHandled: row.requestsHandled,
  avgResponseTimeMs: row.avgResponseTime,
  errorRate: row.errorRate,
  cpuUsage: row.cpuUsage,
  memoryUsage: row.memoryUsage,
})
