import { and, eq, lte, sql } from 'drizzle-orm'
import { failDependents } from '../domain/tasks/dependents.ts'
import { appendEndOfAttempt } from '../domain/tasks/failure.ts'
import { notifyClaimable, settleEndedLease } from '../domain/tasks/lease.ts'
import { requeueColumns } from '../domain/tasks/queue-columns.ts'
import { equalsLiteral } from '../store/sql-literals.ts'
import { placeholder, type Reader, type StatementParts, statement, type Transaction } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const findOverdueLeases = statement(
  ({ db, t, p, skipLocked }: StatementParts<{ project: string; now: number; limit: number }>) =>
    skipLocked(
      db
        .select({ ord: t.tasks.ord })
        .from(t.tasks)
        .where(
          and(
            eq(t.tasks.projectId, p.project),
            equalsLiteral(t.tasks.status, 'in_progress'),
            lte(t.tasks.leaseExpiresAt, p.now),
          ),
        )
        .limit(placeholder('limit')),
    ).prepare(),
)

const expireLease = statement(({ db, t, p }: StatementParts<{ ord: number; now: number }>) => {
  const retries = sql`${t.tasks.failures} + 1 < ${t.tasks.maxAttempts}`
  const requeuedColumns = requeueColumns(t, p.now)
  return db
    .update(t.tasks)
    .set({
      ...requeuedColumns,
      failures: sql`${t.tasks.failures} + 1`,
      status: sql`case when ${retries} then ${requeuedColumns.status} else 'failed' end`,
      ready: sql`case when ${retries} then ${requeuedColumns.ready} end`,
      timeoutAt: sql`case when ${retries} then ${requeuedColumns.timeoutAt} end`,
      completedAt: sql`case when ${retries} then null else ${p.now} end`,
      error: 'the lease expired',
    })
    .where(
      and(eq(t.tasks.ord, p.ord), equalsLiteral(t.tasks.status, 'in_progress'), lte(t.tasks.leaseExpiresAt, p.now)),
    )
    .returning()
    .prepare()
})

/** True if a lease has expired. This read comes first, so that an idle server commits nothing. */
const hasOverdueLeases = async (reader: Reader, project: string): Promise<boolean> =>
  (await reader.run(findOverdueLeases, { project, now: reader.now, limit: 1 })).length > 0

async function expireLeasesIn(tx: Transaction, project: string): Promise<number> {
  const { settledAt: now } = tx
  const rows = await tx.run(findOverdueLeases, { project, now, limit: sweepLimit })
  for (const { ord } of rows) {
    const [row] = await tx.run(expireLease, { ord, now })
    if (!row) continue
    appendEndOfAttempt(tx, row, 'task.expired')
    await settleEndedLease(tx, row)
    if (row.ready !== null) notifyClaimable(tx, row)
    if (row.status === 'failed') await failDependents(tx, [row], null)
  }
  return rows.length
}

/**
 * Ends expired leases: the task is claimable at once and has one more failure. It keeps the token,
 * so that a late `complete` still counts while nobody has claimed the task since.
 */
export const expireLeases: Sweep = {
  name: 'expire-leases',
  everyMs: 250,
  batch: async ({ store }, project) =>
    (await store.read((reader) => hasOverdueLeases(reader, project)))
      ? store.transact({ project }, (tx) => expireLeasesIn(tx, project))
      : 0,
}
