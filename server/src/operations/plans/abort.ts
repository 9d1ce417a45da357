import type { planAbortInput, planAbortOutput } from '@tony/mcp-shared/plans'
import { and, eq, inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { requirePlan } from './require-plan.ts'

/**
 * `plans.abort`: discards the staged tasks. For an aborted plan it succeeds and discards nothing.
 * Tasks that a stopped publication has published already stay.
 */
export const abortPlan = (
  ctx: Context,
  { planId }: z.output<typeof planAbortInput>,
): Promise<z.output<typeof planAbortOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { plans, planRows } = tx.t
    const [plan] = await tx.db
      .update(plans)
      .set({ status: 'aborted' })
      .where(and(eq(plans.id, planId), eq(plans.projectId, project), inArray(plans.status, ['open', 'committing'])))
      .returning({ name: plans.name })
    if (!plan) {
      await requirePlan(tx, { project, planId, status: 'aborted' })
      return { planId, discarded: 0 }
    }
    const rows = await tx.db.delete(planRows).where(eq(planRows.planId, planId)).returning({ ord: planRows.ord })
    const data = { name: plan.name, discarded: rows.length }
    tx.append({ type: 'plan.aborted', subject: planId, actor: actorOf(ctx.principal), data })
    return { planId, discarded: rows.length }
  })
