import { and, gt, isNull, sql } from 'drizzle-orm'
import { equalsLiteral } from '../sql-literals.ts'
import type { Reader } from '../store.ts'

/** How long a refresh may be asked for again. */
export const refreshRetryWindowMs = 10_000

/**
 * Gives every deadline that was alive at the last commit the length of the outage since, before any sweep runs: a holder
 * that could not reach the server to extend its lease must not lose it for that. In all projects: no event is written, so
 * no project's counter row is locked.
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
  // A refresh whose answer was lost with the server can still be asked for again.
  await db
    .update(t.sessions)
    .set({ refreshedAt: sql`${t.sessions.refreshedAt} + ${outage}` })
    .where(and(isNull(t.sessions.revokedAt), gt(t.sessions.refreshedAt, lastCommit - refreshRetryWindowMs)))
  await db
    .update(t.requests)
    .set({ deadlineAt: sql`${t.requests.deadlineAt} + ${outage}` })
    .where(and(equalsLiteral(t.requests.status, 'waiting'), gt(t.requests.deadlineAt, lastCommit)))
  await db
    .update(t.agents)
    .set({ lastActivity: sql`${t.agents.lastActivity} + ${outage}` })
    .where(equalsLiteral(t.agents.status, 'active'))
}
