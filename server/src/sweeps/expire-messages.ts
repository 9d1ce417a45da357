import { and, eq, lte } from 'drizzle-orm'
import { participantsOf } from '../domain/messages/participants.ts'
import { equalsLiteral } from '../store/sql-literals.ts'
import { placeholder, type Reader, type StatementParts, statement, type Transaction } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const findOverdueMessages = statement(
  ({ db, t, p, skipLocked }: StatementParts<{ project: string; now: number; limit: number }>) =>
    skipLocked(
      db
        .select({ ord: t.messages.ord })
        .from(t.messages)
        .where(
          and(
            eq(t.messages.projectId, p.project),
            equalsLiteral(t.messages.status, 'pending'),
            lte(t.messages.expiresAt, p.now),
          ),
        )
        .limit(placeholder('limit')),
    ).prepare(),
)

const expireMessage = statement(({ db, t, p }: StatementParts<{ ord: number; now: number }>) =>
  db
    .update(t.messages)
    .set({ status: 'expired', ready: null, notBefore: null, endedAt: p.now })
    .where(
      and(eq(t.messages.ord, p.ord), equalsLiteral(t.messages.status, 'pending'), lte(t.messages.expiresAt, p.now)),
    )
    .returning()
    .prepare(),
)

const hasOverdueMessages = async (reader: Reader, project: string): Promise<boolean> =>
  (await reader.run(findOverdueMessages, { project, now: reader.now, limit: 1 })).length > 0

async function expireMessagesIn(tx: Transaction, project: string): Promise<number> {
  const rows = await tx.run(findOverdueMessages, { project, now: tx.now, limit: sweepLimit })
  for (const { ord } of rows) {
    const [row] = await tx.run(expireMessage, { ord, now: tx.now })
    if (!row) continue
    tx.append({
      type: 'message.expired',
      subject: row.id,
      actor: null,
      taskId: row.taskId,
      threadId: row.threadId,
      audience: participantsOf(row),
      data: { messageId: row.id, attempt: row.retryCount },
    })
  }
  return rows.length
}

/** Ends messages whose lifetime passed in the inbox, also after a failed delivery. */
export const expireMessages: Sweep = {
  name: 'expire-messages',
  everyMs: 250,
  batch: async ({ store }, project) =>
    (await store.read((reader) => hasOverdueMessages(reader, project)))
      ? store.transact({ project }, (tx) => expireMessagesIn(tx, project))
      : 0,
}
