import { and, eq, lte, sql } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import { logRangeOf } from '../../domain/feed/log-range.ts'
import { placeholder, rowlessStatement, type StatementParts, type Store, statement } from '../../store/store.ts'
import { deleteLimit, retentionCutoff } from './progress.ts'

/** Events to delete in one transaction, if they are in pages. */
const pagedDeleteLimit = 1_024

const findOldestPages = statement(({ db, t, p }: StatementParts<{ project: string; limit: number }>) =>
  db
    .select({ first: t.eventPages.first, last: t.eventPages.last, at: t.eventPages.at })
    .from(t.eventPages)
    .where(eq(t.eventPages.projectId, p.project))
    .orderBy(t.eventPages.last)
    .limit(placeholder('limit'))
    .prepare(),
)

/** Events from before there were pages: each is like a page of one event. */
const findOldestEventRows = statement(({ db, t, p }: StatementParts<{ project: string; limit: number }>) =>
  db
    .select({ first: sql<number>`${t.events.seq}`, last: t.events.seq, at: t.events.at })
    .from(t.events)
    .where(eq(t.events.projectId, p.project))
    .orderBy(t.events.seq)
    .limit(placeholder('limit'))
    .prepare(),
)

const deletePages = rowlessStatement(({ db, t, p }: StatementParts<{ project: string; through: number }>) =>
  db
    .delete(t.eventPages)
    .where(and(eq(t.eventPages.projectId, p.project), lte(t.eventPages.last, p.through)))
    .prepare(),
)

const deleteRows = rowlessStatement(({ db, t, p }: StatementParts<{ project: string; through: number }>) =>
  db
    .delete(t.events)
    .where(and(eq(t.events.projectId, p.project), lte(t.events.seq, p.through)))
    .prepare(),
)

/**
 * Deletes events from the front of a feed only, and whole pages: the rest stays dense, and an
 * earlier cursor fails with CURSOR_EXPIRED. So a feed keeps up to one page more than its rule asks.
 */
export async function deleteExpiredEvents(store: Store, project: string, rule: RetentionRule): Promise<number> {
  const expired = await store.read(async (reader) => {
    const rows = await reader.run(findOldestEventRows, { project, limit: deleteLimit })
    const pages = await reader.run(findOldestPages, { project, limit: deleteLimit })
    const oldest = [...rows, ...pages].sort((a, b) => a.last - b.last).slice(0, deleteLimit)
    const { last } = rule.maxRows > 0 ? await logRangeOf(reader, project) : { last: 0 }
    const before = retentionCutoff(reader.now, rule)
    const start = oldest[0]?.first ?? 1
    const firstKept = oldest.findIndex(
      (page, index) =>
        (page.at > before && (rule.maxRows === 0 || page.last > last - rule.maxRows)) ||
        (index > 0 && page.last - start >= pagedDeleteLimit),
    )
    const through = (firstKept === -1 ? oldest.at(-1) : oldest[firstKept - 1])?.last
    return through === undefined ? undefined : { through, count: through - start + 1 }
  })
  if (!expired) return 0
  const { through, count } = expired
  await store.transact({ project, freesSpace: true }, async (tx) => {
    await tx.run(deletePages, { project, through })
    await tx.run(deleteRows, { project, through })
  })
  return count
}
