import { systemInfoOutput, systemMetricsOutput } from '@tony/mcp-shared/system'
import { z } from 'zod'
import { systemInfo } from '../system/info.ts'
import { systemMetrics } from '../system/metrics.ts'
import { query, router } from './procedure.ts'

export const system = router({
  info: query({ permission: 'open', input: z.strictObject({}).optional(), output: systemInfoOutput }, systemInfo),
  metrics: query(
    { permission: 'system:read', cost: 2, input: z.strictObject({}).optional(), output: systemMetricsOutput },
    systemMetrics,
  ),
})
