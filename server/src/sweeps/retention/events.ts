import { and, eq, lte } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import { logRangeOf } from '../../domain/feed/log-range.ts'
import { placeholder, type Query, type Store, statement } from '../../store/store.ts'
import { deleteLimit, retentionCutoff } from './progress.ts'

const oldestRows = statement(({ db, t, p }: Query<{ project: string; limit: number }>) =>
  db
    .select({ seq: t.events.seq, at: t.events.at })
    .from(t.events)
    .where(eq(t.events.projectId, p.project))
    .orderBy(t.events.seq)
    .limit(placeholder('limit'))
    .prepare(),
)

const deleteThrough = statement(({ db, t, p }: Query<{ project: string; seq: number }>) =>
  db
    .delete(t.events)
    .where(and(eq(t.events.projectId, p.project), lte(t.events.seq, p.seq)))
    .returning({ seq: t.events.seq })
    .prepare(),
)

/**
 * Deletes events from the front of a feed only: the rest stays dense, and an earlier cursor fails
 * with CURSOR_EXPIRED.
 */
export async function deleteExpiredEvents(store: Store, project: string, rule: RetentionRule): Promise<number> {
  const through = await store.read(async (reader) => {
    const oldest = await reader.run(oldestRows, { project, limit: deleteLimit })
    const { last } = rule.maxRows > 0 ? await logRangeOf(reader, project) : { last: 0 }
    const before = retentionCutoff(reader.now, rule)
    const firstKept = oldest.findIndex(
      ({ seq, at }) => at > before && (rule.maxRows === 0 || seq > last - rule.maxRows),
    )
    return (firstKept === -1 ? oldest.at(-1) : oldest[firstKept - 1])?.seq
  })
  if (through === undefined) return 0
  return (await store.transact({ project, freesSpace: true }, (tx) => tx.run(deleteThrough, { project, seq: through })))
    .length
}
