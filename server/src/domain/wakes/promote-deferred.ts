import { and, eq, exists } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import { recordWakeEvent } from './wake-event.ts'

const promote = statement(({ db, t, p }: Query<{ id: string; now: number }>) =>
  db
    .update(t.wakes)
    .set({ status: 'requested', requestedAt: p.now })
    .where(
      and(
        eq(t.wakes.id, p.id),
        equalsLiteral(t.wakes.status, 'deferred'),
        exists(
          db
            .select({ agentId: t.idleSessions.agentId })
            .from(t.idleSessions)
            .where(eq(t.idleSessions.agentId, t.wakes.agentId)),
        ),
      ),
    )
    .returning()
    .prepare(),
)

const discard = statement(({ db, t, p }: Query<{ id: string }>) =>
  db
    .delete(t.wakes)
    .where(and(eq(t.wakes.id, p.id), equalsLiteral(t.wakes.status, 'deferred')))
    .returning({ id: t.wakes.id })
    .prepare(),
)

/** Requests a deferred wake whose time has come, or deletes it if its session is gone. */
export async function promoteDeferred(tx: Transaction, id: string): Promise<void> {
  const [row] = await tx.run(promote, { id, now: tx.now })
  if (row) recordWakeEvent(tx, 'wake.requested', row)
  else await tx.run(discard, { id })
}
