import type { healthReportInput, healthReportOutput } from '@tony/mcp-shared/health'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { requireAgent } from '../principal.ts'
import { iso } from '../times.ts'
import { keepSample } from '../vitals/sample.ts'

/** `health.report`: a sample beside those that heartbeats carry. */
export function reportHealth(
  ctx: Context,
  { idempotencyKey: _, ...sample }: z.output<typeof healthReportInput>,
): Promise<z.output<typeof healthReportOutput>> {
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    await keepSample(tx, agentId, sample)
    return { agentId, at: iso(tx.now) }
  })
}
