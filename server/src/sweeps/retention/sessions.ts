import { sessionLife } from '@tony/mcp-shared/auth'
import { and, eq, lte } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import { placeholder, type StatementParts, type Store, statement } from '../../store/store.ts'
import { deleteLimit, retentionCutoff } from './progress.ts'

const findOldestSessions = statement(({ db, t, p }: StatementParts<{ project: string; limit: number }>) =>
  db
    .select({ id: t.sessions.id, createdAt: t.sessions.createdAt })
    .from(t.sessions)
    .where(eq(t.sessions.projectId, p.project))
    .orderBy(t.sessions.id)
    .limit(placeholder('limit'))
    .prepare(),
)

const deleteThrough = statement(({ db, t, p }: StatementParts<{ project: string; id: string }>) =>
  db
    .delete(t.sessions)
    .where(and(eq(t.sessions.projectId, p.project), lte(t.sessions.id, p.id)))
    .returning({ id: t.sessions.id })
    .prepare(),
)

/**
 * Deletes the oldest sessions, in the order of login. The cutoff is older than the retention time
 * by the longest life of a session, because the table has the time of the login and not of the end.
 * So every deleted session is over, and its revocation does not matter any more. The idle time on
 * top covers the last access token and inexact clocks.
 */
export async function deleteExpiredSessions(store: Store, project: string, rule: RetentionRule): Promise<number> {
  if (rule.ms === 0) return 0
  const through = await store.read(async (reader) => {
    const oldest = await reader.run(findOldestSessions, { project, limit: deleteLimit })
    const before = retentionCutoff(reader.now, rule) - sessionLife.absoluteMs - sessionLife.idleMs
    return oldest.findLast(({ createdAt }) => createdAt <= before)?.id
  })
  if (through === undefined) return 0
  return (await store.transact({ project, freesSpace: true }, (tx) => tx.run(deleteThrough, { project, id: through })))
    .length
}
