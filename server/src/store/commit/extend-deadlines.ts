import { and, gt, isNull, sql } from 'drizzle-orm'
import { equalsLiteral } from '../sql-literals.ts'
import type { Reader } from '../store.ts'

/** Time in milliseconds for which a client may repeat a refresh. */
export const refreshRetryWindowMs = 10_000

/**
 * Extends every deadline that was alive at the last commit by the length of the outage, before any
 * sweep runs. A holder that could not reach the server must not lose its lease for that. It covers
 * all projects and writes no event, so it locks no project's counter row.
 */
export async function extendDeadlines(
  { db, t }: Pick<Reader, 'db' | 't'>,
  lastCommit: number,
  outage: number,
): Promise<void> {
  await db
    .update(t.tasks)
    .set({ leaseExpiresAt: sql`${t.tasks.leaseExpiresAt} + ${outage}` })
    .where(and(equalsLiteral(t.tasks.status, 'in_progress'), gt(t.tasks.leaseExpiresAt, lastCommit)))
  await db
    .update(t.tasks)
    .set({ timeoutAt: sql`${t.tasks.timeoutAt} + ${outage}`, closeBy: sql`${t.tasks.closeBy} + ${outage}` })
    .where(gt(t.tasks.timeoutAt, lastCommit))
  await db
    .update(t.messages)
    .set({ ackBy: sql`${t.messages.ackBy} + ${outage}`, expiresAt: sql`${t.messages.expiresAt} + ${outage}` })
    .where(and(equalsLiteral(t.messages.status, 'delivered'), gt(t.messages.ackBy, lastCommit)))
  await db
    .update(t.messages)
    .set({ expiresAt: sql`${t.messages.expiresAt} + ${outage}` })
    .where(and(equalsLiteral(t.messages.status, 'pending'), gt(t.messages.expiresAt, lastCommit)))
  // A client whose refresh got no reply because of the outage can still repeat it.
  await db
    .update(t.sessions)
    .set({ refreshedAt: sql`${t.sessions.refreshedAt} + ${outage}` })
    .where(and(isNull(t.sessions.revokedAt), gt(t.sessions.refreshedAt, lastCommit - refreshRetryWindowMs)))
  await db
    .update(t.requests)
    .set({ deadlineAt: sql`${t.requests.deadlineAt} + ${outage}` })
    .where(and(equalsLiteral(t.requests.status, 'waiting'), gt(t.requests.deadlineAt, lastCommit)))
  // The time of a wake is over a fixed time after its request.
  await db
    .update(t.wakes)
    .set({ requestedAt: sql`${t.wakes.requestedAt} + ${outage}` })
    .where(equalsLiteral(t.wakes.status, 'requested'))
  await db
    .update(t.agents)
    .set({ lastActivity: sql`${t.agents.lastActivity} + ${outage}` })
    .where(equalsLiteral(t.agents.status, 'active'))
}
