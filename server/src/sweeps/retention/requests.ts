import { and, eq, gt } from 'drizzle-orm'
import { isAnyOf } from '../../store/sql-literals.ts'
import { placeholder, type Query, type Store, statement } from '../../store/store.ts'
import { cutoff, type Kept, type Retained, removeLimit } from './progress.ts'

const over = ['replied', 'timed_out'] as const

/** By id, which is in the order of asking, whatever project they are of: an index by project would serve nothing else. */
const page = statement(({ db, t, p }: Query<{ after: string; limit: number }>) =>
  db
    .select({ id: t.requests.id, status: t.requests.status, deadlineAt: t.requests.deadlineAt })
    .from(t.requests)
    .where(gt(t.requests.id, p.after))
    .orderBy(t.requests.id)
    .limit(placeholder('limit'))
    .prepare(),
)

const remove = statement(({ db, t, p }: Query<{ id: string }>) =>
  db
    .delete(t.requests)
    .where(and(eq(t.requests.id, p.id), isAnyOf(t.requests.status, over)))
    .returning({ id: t.requests.id })
    .prepare(),
)

/** Removes requests that are over, long after their deadline. Their messages go by the rule of messages. */
export async function removeRequests(store: Store, project: string, kept: Kept, retained: Retained): Promise<number> {
  const after = String(retained.positions.get('requests') ?? '')
  const { rows, before } = await store.read(async (reader) => ({
    rows: await reader.run(page, { after, limit: removeLimit }),
    before: cutoff(reader.now, kept),
  }))
  retained.positions.set('requests', rows.length < removeLimit ? '' : (rows.at(-1)?.id ?? ''))
  const old = rows.filter(({ status, deadlineAt }) => over.some((word) => word === status) && deadlineAt <= before)
  if (old.length === 0) return 0
  return store.transact({ project, frees: true }, async (tx) => {
    let removed = 0
    for (const { id } of old) removed += (await tx.run(remove, { id })).length
    return removed
  })
}
