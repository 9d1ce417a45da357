import { asc, desc, lte } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import { placeholder, type StatementParts, type Store, statement } from '../../store/store.ts'
import { deleteLimit, retentionCutoff } from './progress.ts'

const findOldestDenials = statement(({ db, t }: StatementParts<{ limit: number }>) =>
  db
    .select({ ord: t.denials.ord, at: t.denials.at })
    .from(t.denials)
    .orderBy(asc(t.denials.ord))
    .limit(placeholder('limit'))
    .prepare(),
)

const findNewestDenial = statement(({ db, t }: StatementParts<Record<string, never>>) =>
  db.select({ ord: t.denials.ord }).from(t.denials).orderBy(desc(t.denials.ord)).limit(1).prepare(),
)

const deleteThrough = statement(({ db, t, p }: StatementParts<{ ord: number }>) =>
  db.delete(t.denials).where(lte(t.denials.ord, p.ord)).returning({ ord: t.denials.ord }).prepare(),
)

/**
 * Deletes the oldest denials of all projects, because many belong to none. `maxRows` prevents
 * callers without a credential from filling the disk. It counts by row numbers, which may have gaps
 * from failed writes.
 */
export async function deleteExpiredDenials(store: Store, project: string, rule: RetentionRule): Promise<number> {
  const through = await store.read(async (reader) => {
    const oldest = await reader.run(findOldestDenials, { limit: deleteLimit })
    const [last] = rule.maxRows > 0 ? await reader.run(findNewestDenial, {}) : []
    const over = last ? last.ord - rule.maxRows : 0
    const before = retentionCutoff(reader.now, rule)
    return oldest.findLast(({ ord, at }) => at <= before || ord <= over)?.ord
  })
  if (through === undefined) return 0
  return (await store.transact({ project, freesSpace: true }, (tx) => tx.run(deleteThrough, { ord: through }))).length
}
