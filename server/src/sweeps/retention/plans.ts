import { and, eq, gt } from 'drizzle-orm'
import { isAnyOf } from '../../store/sql-literals.ts'
import { placeholder, type Query, type Store, statement } from '../../store/store.ts'
import { cutoff, type Kept, type Retained, removeLimit } from './progress.ts'

const over = ['committed', 'aborted'] as const

/** By id, which is in the order of beginning, whatever project they are of: an index by project would serve nothing else. */
const page = statement(({ db, t, p }: Query<{ after: string; limit: number }>) =>
  db
    .select({ id: t.plans.id, status: t.plans.status, createdAt: t.plans.createdAt })
    .from(t.plans)
    .where(gt(t.plans.id, p.after))
    .orderBy(t.plans.id)
    .limit(placeholder('limit'))
    .prepare(),
)

const removeRows = statement(({ db, t, p }: Query<{ id: string }>) =>
  db.delete(t.planRows).where(eq(t.planRows.planId, p.id)).returning({ ord: t.planRows.ord }).prepare(),
)

const remove = statement(({ db, t, p }: Query<{ id: string }>) =>
  db
    .delete(t.plans)
    .where(and(eq(t.plans.id, p.id), isAnyOf(t.plans.status, over)))
    .returning({ id: t.plans.id })
    .prepare(),
)

/** Removes plans that were committed or aborted, long after they were begun. One that is open stays, however old. */
export async function removePlans(store: Store, project: string, kept: Kept, retained: Retained): Promise<number> {
  const after = String(retained.positions.get('plans') ?? '')
  const { rows, before } = await store.read(async (reader) => ({
    rows: await reader.run(page, { after, limit: removeLimit }),
    before: cutoff(reader.now, kept),
  }))
  retained.positions.set('plans', rows.length < removeLimit ? '' : (rows.at(-1)?.id ?? ''))
  const old = rows.filter(({ status, createdAt }) => over.some((word) => word === status) && createdAt <= before)
  if (old.length === 0) return 0
  return store.transact({ project, frees: true }, async (tx) => {
    let removed = 0
    for (const { id } of old) {
      await tx.run(removeRows, { id })
      removed += (await tx.run(remove, { id })).length
    }
    return removed
  })
}
