import { and, eq, lte } from 'drizzle-orm'
import { timeOutRequestIn } from '../operations/requests/time-out.ts'
import { equalsLiteral } from '../store/sql-literals.ts'
import { placeholder, type StatementParts, statement } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const findOverdueRequests = statement(
  ({ db, t, p, skipLocked }: StatementParts<{ project: string; now: number; limit: number }>) =>
    skipLocked(
      db
        .select({ id: t.requests.id })
        .from(t.requests)
        .where(
          and(
            eq(t.requests.projectId, p.project),
            equalsLiteral(t.requests.status, 'waiting'),
            lte(t.requests.deadlineAt, p.now),
          ),
        )
        .limit(placeholder('limit')),
    ).prepare(),
)

/**
 * Ends requests whose deadline has passed, for callers that have gone. A waiting caller does it
 * itself.
 */
export const timeOutRequests: Sweep = {
  name: 'time-out-requests',
  everyMs: 250,
  batch: async ({ store }, project) => {
    const due = await store.read((reader) => reader.run(findOverdueRequests, { project, now: reader.now, limit: 1 }))
    if (due.length === 0) return 0
    return store.transact({ project }, async (tx) => {
      const rows = await tx.run(findOverdueRequests, { project, now: tx.now, limit: sweepLimit })
      for (const { id } of rows) await timeOutRequestIn(tx, id)
      return rows.length
    })
  },
}
