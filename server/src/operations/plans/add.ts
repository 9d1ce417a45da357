import type { planAddInput, planAddOutput } from '@tony/mcp-shared/plans'
import { eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requirePlanFits } from '../../domain/plans/staged-tasks.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { rowlessStatement, type StatementParts, statement } from '../../store/store.ts'
import { requireOpenPlan } from './require-plan.ts'

const stageTask = rowlessStatement(
  ({ db, t, p }: StatementParts<{ planId: string; externalId: string; spec: string; taskId: string }>) =>
    db
      .insert(t.planRows)
      .values({ planId: p.planId, externalId: p.externalId, spec: p.spec, taskId: p.taskId })
      .onConflictDoUpdate({ target: [t.planRows.planId, t.planRows.externalId], set: { spec: p.spec } })
      .prepare(),
)

const countStaged = statement(({ db, t, p }: StatementParts<{ planId: string }>) =>
  db.select({ rows: sql<number>`count(*)` }).from(t.planRows).where(eq(t.planRows.planId, p.planId)).prepare(),
)

/**
 * `plans.add`: stages tasks. A task that is staged already is replaced, so a call with a lost reply
 * can be repeated.
 */
export async function addToPlan(
  ctx: Context,
  input: z.output<typeof planAddInput>,
): Promise<z.output<typeof planAddOutput>> {
  const staged = await ctx.transact(async (tx) => {
    await requireOpenPlan(tx, ctx.principal.project, input.planId)
    const { planId } = input
    await Promise.all(
      input.tasks.map((task) =>
        tx.run(stageTask, { planId, externalId: task.externalId, spec: JSON.stringify(task), taskId: uuidv7() }),
      ),
    )
    const [count] = await tx.run(countStaged, { planId })
    const staged = count?.rows ?? 0
    requirePlanFits(staged, 0)
    return { planId: input.planId, staged }
  })
  ctx.chargeRows(input.tasks.length)
  return staged
}
