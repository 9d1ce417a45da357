import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import type { Transaction } from '../store/store.ts'

/** Refuses a plan that does not exist here or has been committed. */
export async function requireOpenPlan(
  { db, t }: Transaction,
  project: string,
  planId: string,
): Promise<{ name: string }> {
  const [plan] = await db
    .select({ name: t.plans.name, status: t.plans.status })
    .from(t.plans)
    .where(and(eq(t.plans.id, planId), eq(t.plans.projectId, project)))
  if (!plan) throw new CoordinationError('NOT_FOUND', `Plan ${planId} not found`)
  if (plan.status !== 'open')
    throw new CoordinationError('ILLEGAL_TRANSITION', `plan ${planId} is ${plan.status}: begin another`)
  return plan
}
