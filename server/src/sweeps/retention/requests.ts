import { and, eq, gt } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import type { RetentionProgress } from '../../domain/retention-progress.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, type Store, statement } from '../../store/store.ts'
import { deleteLimit, retentionCutoff } from './progress.ts'

const endedStatuses = ['replied', 'timed_out'] as const

/**
 * Reads a page of the rows of all projects by id, which is the order of creation. An index of them
 * by project would cost a write for each row and serve no other query.
 */
const findRequestPage = statement(({ db, t, p }: StatementParts<{ after: string; limit: number }>) =>
  db
    .select({ id: t.requests.id, status: t.requests.status, deadlineAt: t.requests.deadlineAt })
    .from(t.requests)
    .where(gt(t.requests.id, p.after))
    .orderBy(t.requests.id)
    .limit(placeholder('limit'))
    .prepare(),
)

const deleteRequest = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db
    .delete(t.requests)
    .where(and(eq(t.requests.id, p.id), inLiterals(t.requests.status, endedStatuses)))
    .returning({ id: t.requests.id })
    .prepare(),
)

/**
 * Deletes ended requests long after their deadline. The rule of messages applies to their messages.
 */
export async function deleteExpiredRequests(
  store: Store,
  project: string,
  rule: RetentionRule,
  progress: RetentionProgress,
): Promise<number> {
  const after = String(progress.cursors.get('requests') ?? '')
  const { rows, before } = await store.read(async (reader) => ({
    rows: await reader.run(findRequestPage, { after, limit: deleteLimit }),
    before: retentionCutoff(reader.now, rule),
  }))
  progress.cursors.set('requests', rows.length < deleteLimit ? '' : (rows.at(-1)?.id ?? ''))
  const expired = rows.filter(
    ({ status, deadlineAt }) => endedStatuses.some((word) => word === status) && deadlineAt <= before,
  )
  if (expired.length === 0) return 0
  return store.transact({ project, freesSpace: true }, async (tx) => {
    let deleted = 0
    for (const { id } of expired) deleted += (await tx.run(deleteRequest, { id })).length
    return deleted
  })
}
