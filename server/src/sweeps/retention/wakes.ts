import { and, eq, inArray, isNotNull, lte } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import { placeholder, type StatementParts, type Store, statement } from '../../store/store.ts'
import { deleteLimit, retentionCutoff } from './progress.ts'

const findExpiredWakes = statement(({ db, t, p }: StatementParts<{ project: string; before: number; limit: number }>) =>
  db
    .select({ id: t.wakes.id })
    .from(t.wakes)
    .where(and(eq(t.wakes.projectId, p.project), isNotNull(t.wakes.endedAt), lte(t.wakes.endedAt, p.before)))
    .limit(placeholder('limit'))
    .prepare(),
)

/** Deletes wakes that ended long ago, by the age of the rule for messages. */
export async function deleteExpiredWakes(store: Store, project: string, rule: RetentionRule): Promise<number> {
  if (rule.ms === 0) return 0
  const rows = await store.read((reader) =>
    reader.run(findExpiredWakes, { project, before: retentionCutoff(reader.now, rule), limit: deleteLimit }),
  )
  if (rows.length === 0) return 0
  const ids = rows.map(({ id }) => id)
  await store.transact({ project, freesSpace: true }, ({ db, t }) => db.delete(t.wakes).where(inArray(t.wakes.id, ids)))
  return rows.length
}
