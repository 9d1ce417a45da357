import { and, eq, lte } from 'drizzle-orm'
import { continuePublication } from '../domain/plans/continue.ts'
import { endPublication } from '../domain/plans/publish.ts'
import { type Query, type Store, statement } from '../store/store.ts'
import type { Sweep } from './runner.ts'

interface StoppedPlan {
  readonly id: string
  readonly committedBy: string | null
}

/** Time without a step after which the caller of `plans.commit` counts as gone, in milliseconds. */
const silenceMs = 30_000

const findStopped = statement(({ db, t, p }: Query<{ project: string; before: number }>) =>
  db
    .select({ id: t.plans.id, committedBy: t.plans.committedBy })
    .from(t.plans)
    .where(and(eq(t.plans.projectId, p.project), eq(t.plans.status, 'committing'), lte(t.plans.steppedAt, p.before)))
    .prepare(),
)

async function finish(store: Store, project: string, { id, committedBy }: StoppedPlan): Promise<void> {
  const publication = { planId: id, authorship: { project, createdBy: committedBy } }
  const scope = { project, lane: 'bulk' } as const
  await continuePublication(store, scope, publication)
  await store.transact(scope, (tx) => endPublication(tx, publication))
}

/** Continues the publication of plans whose server or caller has ended in the middle of it. */
export const continuePlans: Sweep = {
  name: 'continue-plans',
  everyMs: 30_000,
  batch: async ({ store }, project) => {
    const stopped = await store.read((reader) => reader.run(findStopped, { project, before: reader.now - silenceMs }))
    // A plan that cannot be continued must not keep others from it.
    const results = await Promise.allSettled(stopped.map((plan) => finish(store, project, plan)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
    return 0
  },
}
