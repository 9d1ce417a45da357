import { and, eq, gt } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import type { RetentionProgress } from '../../domain/retention-progress.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, type Store, statement } from '../../store/store.ts'
import { deleteLimit, retentionCutoff } from './progress.ts'

const endedStatuses = ['committed', 'aborted'] as const

/**
 * Reads a page of the rows of all projects by id, which is the order of creation. An index of them
 * by project would cost a write for each row and serve no other query.
 */
const findPlanPage = statement(({ db, t, p }: StatementParts<{ after: string; limit: number }>) =>
  db
    .select({ id: t.plans.id, status: t.plans.status, createdAt: t.plans.createdAt })
    .from(t.plans)
    .where(gt(t.plans.id, p.after))
    .orderBy(t.plans.id)
    .limit(placeholder('limit'))
    .prepare(),
)

const deletePlanRows = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db.delete(t.planRows).where(eq(t.planRows.planId, p.id)).returning({ ord: t.planRows.ord }).prepare(),
)

const deletePlan = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db
    .delete(t.plans)
    .where(and(eq(t.plans.id, p.id), inLiterals(t.plans.status, endedStatuses)))
    .returning({ id: t.plans.id })
    .prepare(),
)

/**
 * Deletes plans that were begun long ago and are committed or aborted. An open plan stays at any
 * age.
 */
export async function deleteExpiredPlans(
  store: Store,
  project: string,
  rule: RetentionRule,
  progress: RetentionProgress,
): Promise<number> {
  const after = String(progress.cursors.get('plans') ?? '')
  const { rows, before } = await store.read(async (reader) => ({
    rows: await reader.run(findPlanPage, { after, limit: deleteLimit }),
    before: retentionCutoff(reader.now, rule),
  }))
  progress.cursors.set('plans', rows.length < deleteLimit ? '' : (rows.at(-1)?.id ?? ''))
  const expired = rows.filter(
    ({ status, createdAt }) => endedStatuses.some((word) => word === status) && createdAt <= before,
  )
  if (expired.length === 0) return 0
  return store.transact({ project, freesSpace: true }, async (tx) => {
    let deleted = 0
    for (const { id } of expired) {
      await tx.run(deletePlanRows, { id })
      deleted += (await tx.run(deletePlan, { id })).length
    }
    return deleted
  })
}
