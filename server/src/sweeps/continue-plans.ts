import { and, eq, lte } from 'drizzle-orm'
import { continuePublication, isPlanRefusal } from '../domain/plans/continue.ts'
import { endPublication } from '../domain/plans/record-publication.ts'
import { type StatementParts, type Store, statement, type Transaction } from '../store/store.ts'
import type { Sweep } from './runner.ts'

interface StoppedPlan {
  readonly id: string
  readonly committedBy: string | null
}

/** Time without a step after which the caller of `plans.commit` counts as gone, in milliseconds. */
const silenceMs = 30_000

/**
 * Time until the sweep tries a refused plan again, in milliseconds. A plan is refused if one of its
 * tasks names an agent or a pool that does not exist any more. The time is long because each
 * attempt reads the whole plan, and a caller can repeat `plans.commit` at any time.
 */
const retryMs = 600_000

const findStoppedPlans = statement(({ db, t, p }: StatementParts<{ project: string; before: number }>) =>
  db
    .select({ id: t.plans.id, committedBy: t.plans.committedBy })
    .from(t.plans)
    .where(and(eq(t.plans.projectId, p.project), eq(t.plans.status, 'committing'), lte(t.plans.steppedAt, p.before)))
    .prepare(),
)

/** Puts off the next attempt on a plan that is refused, until `retryMs` from now. */
const postponePlan = ({ db, t, now }: Transaction, project: string, planId: string) =>
  db
    .update(t.plans)
    .set({ steppedAt: now + retryMs - silenceMs })
    .where(and(eq(t.plans.id, planId), eq(t.plans.projectId, project), eq(t.plans.status, 'committing')))

interface ContinueOptions {
  readonly store: Store
  readonly project: string
  readonly signal: AbortSignal
}

async function continuePlan(
  { store, project, signal }: ContinueOptions,
  { id, committedBy }: StoppedPlan,
): Promise<void> {
  const publication = { planId: id, authorship: { project, createdBy: committedBy } }
  const scope = { project, lane: 'bulk' } as const
  const end = () => store.transact(scope, (tx) => endPublication(tx, publication))
  try {
    await continuePublication({ store, scope, publication, end, signal })
  } catch (error) {
    if (isPlanRefusal(error)) await store.transact(scope, (tx) => postponePlan(tx, project, id))
    throw error
  }
}

/**
 * Continues the publication of plans whose server or caller has ended in the middle of it. It ends
 * between two steps if the server stops.
 */
export const continuePlans: Sweep = {
  name: 'continue-plans',
  everyMs: 30_000,
  batch: async ({ store }, project, signal) => {
    const stopped = await store.read((reader) =>
      reader.run(findStoppedPlans, { project, before: reader.now - silenceMs }),
    )
    // A plan that cannot be continued must not keep others from it.
    const results = await Promise.allSettled(stopped.map((plan) => continuePlan({ store, project, signal }, plan)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
    return 0
  },
}
