import type { LeaseReleaseReason } from '@tony/mcp-shared/leases'
import { and, eq, gte, lt, type SQLWrapper, sql } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { type LeaseParams, matchesHeldLeaseSql, notifyClaimable, settleEndedLease } from './lease.ts'
import { requeueColumns } from './queue-columns.ts'
import type { TaskRow } from './task-row.ts'

/** The columns to set for a release: claimable at once, and without a failure. */
const releaseColumns = (t: StatementParts<object>['t'], now: SQLWrapper) => ({
  ...requeueColumns(t, now),
  leaseToken: null,
  leaseExpiresAt: null,
})

const releaseOne = statement(({ db, t, p }: StatementParts<LeaseParams & { now: number }>) =>
  db.update(t.tasks).set(releaseColumns(t, p.now)).where(matchesHeldLeaseSql({ t, p })).returning().prepare(),
)

const releaseEarlierLeases = statement(
  ({ db, t, p }: StatementParts<{ agentId: string; incarnation: number; now: number }>) =>
    db
      .update(t.tasks)
      .set(releaseColumns(t, p.now))
      .where(
        and(
          eq(t.tasks.agentId, p.agentId),
          equalsLiteral(t.tasks.status, 'in_progress'),
          lt(t.tasks.incarnation, p.incarnation),
        ),
      )
      .returning()
      .prepare(),
)

const findHeldTasks = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .select({ id: t.tasks.id })
    .from(t.tasks)
    .where(and(eq(t.tasks.agentId, p.agentId), equalsLiteral(t.tasks.status, 'in_progress')))
    .prepare(),
)

const incrementUnlistedHeartbeats = statement(
  ({ db, t, p }: StatementParts<{ taskId: string; agentId: string; incarnation: number }>) =>
    db
      .update(t.tasks)
      .set({ unlistedBeats: sql`${t.tasks.unlistedBeats} + 1` })
      .where(
        and(
          eq(t.tasks.id, p.taskId),
          eq(t.tasks.agentId, p.agentId),
          equalsLiteral(t.tasks.status, 'in_progress'),
          eq(t.tasks.incarnation, p.incarnation),
        ),
      )
      .returning({ id: t.tasks.id })
      .prepare(),
)

const releaseUnlistedLeases = statement(
  ({ db, t, p }: StatementParts<{ agentId: string; heartbeats: number; now: number }>) =>
    db
      .update(t.tasks)
      .set(releaseColumns(t, p.now))
      .where(
        and(
          eq(t.tasks.agentId, p.agentId),
          equalsLiteral(t.tasks.status, 'in_progress'),
          gte(t.tasks.unlistedBeats, p.heartbeats),
        ),
      )
      .returning()
      .prepare(),
)

/** A lease that this number of successive heartbeats do not list is unknown to its holder. */
const unlistedHeartbeatLimit = 2

async function recordRelease(
  tx: Transaction,
  row: TaskRow,
  actor: string | null,
  reason: LeaseReleaseReason,
): Promise<void> {
  const data = { attempt: row.attempt, agentId: row.agentId, reason, status: row.status }
  tx.append({ type: 'task.released', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
  await settleEndedLease(tx, row)
  if (row.ready !== null) notifyClaimable(tx, row)
}

/** Releases one lease. Returns its task; undefined if the lease is not held. */
export async function releaseLease(
  tx: Transaction,
  lease: { readonly project: string; readonly taskId: string; readonly leaseToken: string; readonly agentId: string },
): Promise<TaskRow | undefined> {
  const [row] = await tx.run(releaseOne, { ...lease, now: tx.now })
  if (row) await recordRelease(tx, row, lease.agentId, 'released')
  return row
}

/** Releases the leases of an agent's earlier incarnations. Returns their number. */
export async function releaseLeasesOfEarlierIncarnations(
  tx: Transaction,
  agent: { readonly id: string; readonly incarnation: number },
  cause: { readonly actor: string | null; readonly reason: LeaseReleaseReason },
): Promise<number> {
  const rows = await tx.run(releaseEarlierLeases, { agentId: agent.id, incarnation: agent.incarnation, now: tx.now })
  for (const row of rows) await recordRelease(tx, row, cause.actor, cause.reason)
  return rows.length
}

/**
 * Counts this heartbeat for each lease of the agent that it did not extend, and releases a lease
 * that two heartbeats in a row did not list: its holder never got the reply to its claim. An
 * extension resets the count. Most heartbeats list every lease, and then this is one read, which
 * PostgreSQL does for all heartbeats of a batch at once.
 */
export async function releaseUnlisted(
  tx: Transaction,
  agent: { readonly id: string; readonly incarnation: number },
  extended: ReadonlySet<string>,
): Promise<void> {
  const agentId = agent.id
  const unlisted = (await tx.run(findHeldTasks, { agentId })).filter(({ id }) => !extended.has(id))
  if (unlisted.length === 0) return
  for (const { id: taskId } of unlisted)
    await tx.run(incrementUnlistedHeartbeats, { taskId, agentId, incarnation: agent.incarnation })
  for (const row of await tx.run(releaseUnlistedLeases, { agentId, heartbeats: unlistedHeartbeatLimit, now: tx.now }))
    await recordRelease(tx, row, agentId, 'unlisted')
}
