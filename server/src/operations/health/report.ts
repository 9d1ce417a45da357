import type { healthReportInput, healthReportOutput } from '@tony/mcp-shared/health'
import type { z } from 'zod'
import { saveSample } from '../../domain/agents/health-sample.ts'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { iso } from '../../platform/times.ts'

/** `health.report`: stores a sample in addition to those in heartbeats. */
export function reportHealth(
  ctx: Context,
  { idempotencyKey: _, ...sample }: z.output<typeof healthReportInput>,
): Promise<z.output<typeof healthReportOutput>> {
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    await saveSample(tx, agentId, sample)
    return { agentId, at: iso(tx.now) }
  })
}
