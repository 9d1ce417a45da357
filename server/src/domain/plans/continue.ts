import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import type { Scope, Store, Transaction } from '../../store/store.ts'
import { checkPlan } from './check.ts'
import { type Publication, publicationStepsOf, publishStep } from './publish.ts'
import { readStaged } from './staged-tasks.ts'

/** Opens a plan again of which nothing is published, so that its tasks can be corrected. */
async function reopen({ db, t }: Transaction, { planId, authorship }: Publication): Promise<void> {
  const { plans } = t
  await db
    .update(plans)
    .set({ status: 'open' })
    .where(
      and(
        eq(plans.id, planId),
        eq(plans.projectId, authorship.project),
        eq(plans.status, 'committing'),
        eq(plans.created, 0),
        eq(plans.updated, 0),
        eq(plans.unchanged, 0),
      ),
    )
}

/** True for a refusal of the plan itself, and false for a store that does not answer. */
const isRefusal = (error: unknown): boolean =>
  error instanceof CoordinationError && !errorPolicies[error.code].retryable

/**
 * Publishes all tasks of a plan that are still staged, each step in a transaction of its own. If
 * the check refuses the plan, it is open again, or stays as it is if others of its tasks are
 * published already. A later call then continues.
 */
export async function continuePublication(store: Store, scope: Scope, publication: Publication): Promise<void> {
  const transact = <T>(work: (tx: Transaction) => Promise<T>) => store.transact(scope, work)
  const staged = await readStaged(store, transact, publication.planId)
  const plan = await checkPlan(store, publication.authorship.project, staged).catch(async (error: unknown) => {
    if (isRefusal(error)) await transact((tx) => reopen(tx, publication))
    throw error
  })
  for (const step of publicationStepsOf(plan)) await transact((tx) => publishStep(tx, publication, step, plan.ids))
}
