import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import type { Store, Transaction, TransactionParams } from '../../store/store.ts'
import { checkPlan } from './check.ts'
import { publicationStepsOf, publishStep } from './publish.ts'
import type { Publication } from './record-publication.ts'
import { readStaged } from './staged-tasks.ts'

/** Opens a plan again of which nothing is published, so that its tasks can be corrected. */
async function reopenPlan({ db, t }: Transaction, { planId, authorship }: Publication): Promise<void> {
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
export const isPlanRefusal = (error: unknown): boolean =>
  error instanceof CoordinationError && !errorPolicies[error.code].retryable

/** Returns the error of a later step: it must not say that the call had no effect. */
function afterSteps(error: unknown, steps: number): unknown {
  if (!(error instanceof CoordinationError) || steps === 0) return error
  const message = `${error.message}; a part of the plan is published already: commit it again, or abort it`
  return new CoordinationError(error.code, message, error.details, 'unknown')
}

/** The time of a step, in milliseconds: the writer serves nobody else meanwhile. */
const stepMs = 10

/** The cost of the first step, and the limits of the others, in inserted tasks. */
const firstStepSize = 40
const leastStepSize = 20
const largestStepSize = 400

/**
 * Computes the size of the next step from the times of the earlier steps: the cost that the writer
 * publishes in `stepMs`. It uses the shortest time per cost so far, because a busy machine makes
 * single steps ten times longer. This time grows by a factor with each step, so that old values
 * lose their effect.
 */
export class StepSize {
  #current = firstStepSize
  #msPerCost = Number.POSITIVE_INFINITY

  /** The cost of the next step. */
  get current(): number {
    return this.#current
  }

  add(cost: number, ms: number): void {
    this.#msPerCost = Math.min(this.#msPerCost * shortestTimeGrowth, ms / cost)
    const fitting = Math.min(2 * this.#current, stepMs / this.#msPerCost)
    this.#current = Math.min(largestStepSize, Math.max(leastStepSize, fitting))
  }
}

/** The factor by which the shortest time grows with each step. */
const shortestTimeGrowth = 1.05

export interface ContinuationParams<T> {
  readonly store: Store
  readonly scope: TransactionParams
  readonly publication: Publication
  /** Ends the publication after its last step. */
  readonly end: () => Promise<T>
  /** Stops before the next step. The published tasks stay, and a later call continues. */
  readonly signal?: AbortSignal
}

/**
 * Publishes all tasks of a plan that are still staged, each step in a transaction of its own. If
 * the check refuses the plan, it is open again, or stays as it is if others of its tasks are
 * published already. A later call then continues.
 */
export async function continuePublication<T>(continuation: ContinuationParams<T>): Promise<T> {
  const { store, scope, publication, end, signal } = continuation
  const transact = <R>(work: (tx: Transaction) => Promise<R>) => {
    signal?.throwIfAborted()
    return store.transact(scope, work)
  }
  const check = async () => {
    const staged = await readStaged(store, transact, publication.planId)
    return checkPlan(store, publication.authorship.project, staged)
  }
  const plan = await check().catch(async (error: unknown) => {
    if (isPlanRefusal(error)) await transact((tx) => reopenPlan(tx, publication))
    throw error
  })
  let steps = 0
  const size = new StepSize()
  const sure = new Map<string, string>()
  try {
    for (const step of publicationStepsOf(plan, () => size.current)) {
      const names = { checked: plan.ids, sure }
      const { ms, ids } = await transact((tx) => publishStep(tx, publication, step, names))
      for (const [name, id] of ids) sure.set(name, id)
      size.add(step.cost, ms)
      steps += 1
    }
    return await end()
  } catch (error) {
    throw afterSteps(error, steps)
  }
}
