import { systemHistoryInput, systemHistoryOutput } from '@tony/mcp-shared/history'
import { systemBackupOutput, systemInfoOutput, systemMetricsOutput } from '@tony/mcp-shared/system'
import { z } from 'zod'
import { backUpSystem } from '../operations/system/backup.ts'
import { getSystemHistory } from '../operations/system/history.ts'
import { getSystemInfo } from '../operations/system/info.ts'
import { getSystemMetrics } from '../operations/system/metrics.ts'
import { mutation, query, router } from './procedure.ts'

export const systemRouter = router({
  info: query({ permission: 'open', input: z.strictObject({}).optional(), output: systemInfoOutput }, getSystemInfo),
  metrics: query(
    { permission: 'system:read', cost: 2, input: z.strictObject({}).optional(), output: systemMetricsOutput },
    getSystemMetrics,
  ),
  history: query(
    { permission: 'system:read', cost: 5, input: systemHistoryInput, output: systemHistoryOutput },
    getSystemHistory,
  ),
  backup: mutation(
    { permission: 'system:backup', repeatable: true, input: z.strictObject({}).optional(), output: systemBackupOutput },
    backUpSystem,
  ),
})
