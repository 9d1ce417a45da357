import { and, eq, exists } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { recordWakeEvent } from './wake-event.ts'

const promoteWake = statement(({ db, t, p }: StatementParts<{ id: string; now: number }>) =>
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

const deleteDeferredWake = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db
    .delete(t.wakes)
    .where(and(eq(t.wakes.id, p.id), equalsLiteral(t.wakes.status, 'deferred')))
    .returning({ id: t.wakes.id })
    .prepare(),
)

/** Requests a deferred wake whose time has come, or deletes it if its session is gone. */
export async function promoteDeferredWake(tx: Transaction, id: string): Promise<void> {
  const [row] = await tx.run(promoteWake, { id, now: tx.now })
  if (row) recordWakeEvent(tx, 'wake.requested', row)
  else await tx.run(deleteDeferredWake, { id })
}
