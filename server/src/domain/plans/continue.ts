import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import { systemClock, yieldToEventLoop } from '../../platform/clock.ts'
import type { Store, Transaction, TransactionParams } from '../../store/store.ts'
import { type CheckedPlan, checkPlan } from './check.ts'
import { type PublicationStep, publicationStepsOf, publishStep } from './publish.ts'
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

/**
 * The time in which further steps of a commit may begin, while no other operation waits. A commit
 * waits for the disk, and writes each page of the indexes again: with one for each step, commits
 * were the largest part of an import.
 */
const sharedCommitMs = 30

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
  const steps = new PublicationSteps(store, publication, plan)
  try {
    while (steps.hasNext) await steps.commit(transact)
    return await end()
  } catch (error) {
    throw afterSteps(error, steps.commits)
  }
}

/** The steps of a publication, several of them in a commit while nobody else waits. */
class PublicationSteps {
  /** The number of commits so far. */
  commits = 0
  readonly #store: Store
  readonly #publication: Publication
  readonly #checked: CheckedPlan['ids']
  readonly #size = new StepSize()
  readonly #sure = new Map<string, string>()
  readonly #remaining: Iterator<PublicationStep>
  #next: PublicationStep | undefined

  constructor(store: Store, publication: Publication, plan: CheckedPlan) {
    this.#store = store
    this.#publication = publication
    this.#checked = plan.ids
    this.#remaining = publicationStepsOf(plan, () => this.#size.current)
    this.#advance()
  }

  get hasNext(): boolean {
    return this.#next !== undefined
  }

  #advance(): void {
    const { value, done } = this.#remaining.next()
    this.#next = done ? undefined : value
  }

  /** Publishes the next step, and more of them in the same transaction. */
  async commit(transact: <T>(work: (tx: Transaction) => Promise<T>) => Promise<T>): Promise<void> {
    const taken: PublicationStep[] = []
    const names = new Set<string>()
    await transact(async (tx) => {
      const startedAt = systemClock.monotonic()
      // The transaction may run more than once, with the same steps first.
      for (const name of names) this.#sure.delete(name)
      for (let index = 0; index < Math.max(1, taken.length) || (await this.#mayShare(startedAt)); index += 1) {
        if (index === taken.length && !this.#take(taken)) return
        const step = taken[index]
        if (step) await this.#publish(tx, step, names)
      }
    })
    this.commits += 1
  }

  #take(taken: PublicationStep[]): boolean {
    if (!this.#next) return false
    taken.push(this.#next)
    this.#next = undefined
    return true
  }

  async #publish(tx: Transaction, step: PublicationStep, names: Set<string>): Promise<void> {
    const { ms, cost, ids } = await publishStep(tx, this.#publication, step, {
      checked: this.#checked,
      sure: this.#sure,
    })
    for (const [name, id] of ids) {
      names.add(name)
      this.#sure.set(name, id)
    }
    if (cost > 0) this.#size.add(cost, ms)
    if (!this.#next) this.#advance()
  }

  /** Lets the calls that have arrived into the queue, and returns true if there are none. */
  async #mayShare(startedAt: number): Promise<boolean> {
    await yieldToEventLoop()
    const { urgent, normal, bulk } = this.#store.queueState
    return urgent.waiting + normal.waiting + bulk.waiting === 0 && systemClock.monotonic() - startedAt < sharedCommitMs
  }
}
