import * as shapes from '@tony/mcp-shared/health'
import { getHealthHistory } from '../operations/health/history.ts'
import { reportHealth } from '../operations/health/report.ts'
import { getHealthSummary } from '../operations/health/summary.ts'
import { mutation, query, router } from './procedure.ts'

export const healthRouter = router({
  report: mutation(
    { permission: 'health:report', input: shapes.healthReportInput, output: shapes.healthReportOutput },
    reportHealth,
  ),
  summary: query(
    { permission: 'health:read', cost: 5, input: shapes.healthSummaryInput, output: shapes.healthSummaryOutput },
    getHealthSummary,
  ),
  history: query(
    { permission: 'health:read', cost: 2, input: shapes.healthHistoryInput, output: shapes.healthHistoryOutput },
    getHealthHistory,
  ),
})
