import { and, eq } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { openWakesOf, type WakeRow, wakeLimit } from './open-wakes.ts'
import { recordWakeEvent } from './wake-event.ts'

const endRequestedWake = statement(({ db, t, p }: StatementParts<{ id: string; status: string; now: number }>) =>
  db
    .update(t.wakes)
    .set({ status: p.status, endedAt: p.now })
    .where(and(eq(t.wakes.id, p.id), equalsLiteral(t.wakes.status, 'requested')))
    .returning()
    .prepare(),
)

/** A deferred wake of a session that is active again has nothing to say: the session reads it. */
const deleteDeferred = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .delete(t.wakes)
    .where(and(eq(t.wakes.agentId, p.agentId), equalsLiteral(t.wakes.status, 'deferred')))
    .returning({ id: t.wakes.id })
    .prepare(),
)

const deleteIdle = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .delete(t.idleSessions)
    .where(eq(t.idleSessions.agentId, p.agentId))
    .returning({ id: t.idleSessions.agentId })
    .prepare(),
)

/** Ends a requested wake. Returns undefined if it has ended before. */
export async function endWake(
  tx: Transaction,
  id: string,
  status: 'woken' | 'unavailable',
): Promise<WakeRow | undefined> {
  const [row] = await tx.run(endRequestedWake, { id, status, now: tx.now })
  if (row) recordWakeEvent(tx, `wake.${status}`, row)
  return row
}

/** Records that a session is not idle, without an effect on its requested wakes. */
export async function deleteIdleSession(tx: Transaction, agentId: string): Promise<void> {
  await tx.run(deleteIdle, { agentId })
}

/** Records that a hook or a tool call of a session was seen: its requested wakes are `woken`. */
export async function recordSessionSign(tx: Transaction, agentId: string): Promise<void> {
  await deleteIdleSession(tx, agentId)
  await tx.run(deleteDeferred, { agentId })
  for (;;) {
    const open = await openWakesOf(tx, agentId)
    for (const { id } of open) await endWake(tx, id, 'woken')
    if (open.length < wakeLimit) return
  }
}
