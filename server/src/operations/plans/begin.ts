import type { planBeginInput, planBeginOutput } from '@tony/mcp-shared/plans'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { uuidv7 } from '../../platform/uuid.ts'

/** `plans.begin`: opens a plan. No agent can claim its tasks before `commit`. */
export const beginPlan = (
  ctx: Context,
  input: z.output<typeof planBeginInput>,
): Promise<z.output<typeof planBeginOutput>> =>
  ctx.transact(async ({ db, t, now }) => {
    const planId = uuidv7()
    const createdBy = actorOf(ctx.principal)
    await db
      .insert(t.plans)
      .values({ id: planId, projectId: ctx.principal.project, name: input.name, createdBy, createdAt: now })
    return { planId }
  })
