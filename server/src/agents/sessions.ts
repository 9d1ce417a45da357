import { and, eq, isNull } from 'drizzle-orm'
import { type Query, statement, type Transaction } from '../store/store.ts'

interface NewSession {
  id: string
  agentId: string
  incarnation: number
  refreshHash: string
  now: number
}

export const insertSession = statement(({ db, t, p }: Query<NewSession>) =>
  db
    .insert(t.sessions)
    .values({ id: p.id, agentId: p.agentId, incarnation: p.incarnation, refreshHash: p.refreshHash, createdAt: p.now })
    .returning({ id: t.sessions.id })
    .prepare(),
)

export const liveSessions = statement(({ db, t, p }: Query<{ agentId: string }>) =>
  db
    .select({ refreshHash: t.sessions.refreshHash })
    .from(t.sessions)
    .where(and(eq(t.sessions.agentId, p.agentId), isNull(t.sessions.revokedAt)))
    .prepare(),
)

const revoke = statement(({ db, t, p }: Query<{ agentId: string; now: number }>) =>
  db
    .update(t.sessions)
    .set({ revokedAt: p.now })
    .where(and(eq(t.sessions.agentId, p.agentId), isNull(t.sessions.revokedAt)))
    .returning({ id: t.sessions.id })
    .prepare(),
)

/** Ends every login of an agent. */
export async function revokeSessions(tx: Transaction, agentId: string): Promise<void> {
  await tx.run(revoke, { agentId, now: tx.now })
}
