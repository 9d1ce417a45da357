import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

interface Plan {
  readonly name: string
  readonly status: string
}

const findPlan = statement(({ db, t, p }: StatementParts<{ planId: string; project: string }>) =>
  db
    .select({ name: t.plans.name, status: t.plans.status })
    .from(t.plans)
    .where(and(eq(t.plans.id, p.planId), eq(t.plans.projectId, p.project)))
    .prepare(),
)

/** Throws NOT_FOUND for a plan outside this project, and ILLEGAL_TRANSITION for another status. */
export async function requirePlan(
  tx: Transaction,
  { project, planId, status }: { readonly project: string; readonly planId: string; readonly status: string },
): Promise<Plan> {
  const [plan] = await tx.run(findPlan, { planId, project })
  if (!plan) throw new CoordinationError('NOT_FOUND', `Plan ${planId} not found`)
  if (plan.status === 'committing')
    throw new CoordinationError('ILLEGAL_TRANSITION', `plan ${planId} is being published: commit it again to continue`)
  if (plan.status !== status)
    throw new CoordinationError('ILLEGAL_TRANSITION', `plan ${planId} is ${plan.status}: begin another`)
  return plan
}

/** Throws if a plan does not exist in this project or has been committed or aborted. */
export const requireOpenPlan = (tx: Transaction, project: string, planId: string): Promise<Plan> =>
  requirePlan(tx, { project, planId, status: 'open' })
