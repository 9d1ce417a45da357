import { and, eq, gt, notExists, sql } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import type { RetentionProgress } from '../../domain/retention-progress.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, type Store, statement, type Transaction } from '../../store/store.ts'
import { chooseExpired, retentionCutoff, rowsPerRead } from './progress.ts'

const endedStatuses = ['acked', 'expired'] as const

const findMessagePage = statement(({ db, t, p }: StatementParts<{ project: string; after: number; limit: number }>) =>
  db
    .select({
      ord: t.messages.ord,
      status: t.messages.status,
      createdAt: t.messages.createdAt,
      endedAt: t.messages.endedAt,
    })
    .from(t.messages)
    .where(and(eq(t.messages.projectId, p.project), gt(t.messages.ord, p.after)))
    .orderBy(t.messages.ord)
    .limit(placeholder('limit'))
    .prepare(),
)

const countEnded = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({ messages: sql<number>`coalesce(sum(${t.mailboxes.acked} + ${t.mailboxes.expired}), 0)` })
    .from(t.mailboxes)
    .where(eq(t.mailboxes.projectId, p.project))
    .prepare(),
)

const deleteFailures = statement(({ db, t, p }: StatementParts<{ ord: number }>) =>
  db
    .delete(t.deliveryFailures)
    .where(
      eq(
        t.deliveryFailures.messageId,
        db.select({ id: t.messages.id }).from(t.messages).where(eq(t.messages.ord, p.ord)),
      ),
    )
    .returning({ id: t.deliveryFailures.messageId })
    .prepare(),
)

const deleteMessage = statement(({ db, t, p }: StatementParts<{ ord: number }>) =>
  db.delete(t.messages).where(eq(t.messages.ord, p.ord)).returning({ bodyId: t.messages.bodyId }).prepare(),
)

/** Deletes the body of a fan-out together with its last message. */
const deleteBody = statement(({ db, t, p }: StatementParts<{ bodyId: string }>) =>
  db
    .delete(t.bodies)
    .where(
      and(
        eq(t.bodies.id, p.bodyId),
        notExists(db.select({ ord: t.messages.ord }).from(t.messages).where(eq(t.messages.bodyId, p.bodyId))),
      ),
    )
    .returning({ id: t.bodies.id })
    .prepare(),
)

const lockEndedMessage = statement(({ db, t, p, locked }: StatementParts<{ ord: number }>) =>
  locked(
    db
      .select({ ord: t.messages.ord })
      .from(t.messages)
      .where(and(eq(t.messages.ord, p.ord), inLiterals(t.messages.status, endedStatuses))),
  ).prepare(),
)

/**
 * Deletes messages in any status and the rows that refer to them. A trigger counts them as purged
 * in the inbox.
 */
export async function deleteMessages(tx: Transaction, rows: readonly { readonly ord: number }[]): Promise<number> {
  for (const { ord } of rows) {
    await tx.run(deleteFailures, { ord })
    for (const { bodyId } of await tx.run(deleteMessage, { ord }))
      if (bodyId !== null) await tx.run(deleteBody, { bodyId })
  }
  return rows.length
}

/**
 * Deletes messages that were acked or expired long ago, and the oldest sent beyond `maxRows`. It
 * walks the messages in the order of sending.
 */
export async function deleteExpiredMessages(
  store: Store,
  project: string,
  rule: RetentionRule,
  progress: RetentionProgress,
): Promise<number> {
  const cursorName = `messages of ${project}`
  const after = Number(progress.cursors.get(cursorName) ?? 0)
  const { rows, excessRows, before } = await store.read(async (reader) => {
    const [count] = rule.maxRows > 0 ? await reader.run(countEnded, { project }) : []
    return {
      rows: await reader.run(findMessagePage, { project, after, limit: rowsPerRead }),
      excessRows: count ? count.messages - rule.maxRows : 0,
      before: retentionCutoff(reader.now, rule),
    }
  })
  const hasEnded = (status: string): boolean => endedStatuses.some((word) => word === status)
  const { chosen, next } = chooseExpired(rows, {
    excessRows,
    before,
    endedAtOf: ({ status, createdAt, endedAt }) => (hasEnded(status) ? (endedAt ?? createdAt) : null),
  })
  progress.cursors.set(cursorName, next)
  if (chosen.length === 0) return 0
  return store.transact({ project, freesSpace: true }, async (tx) => {
    const ended: { ord: number }[] = []
    for (const { ord } of chosen) ended.push(...(await tx.run(lockEndedMessage, { ord })))
    return deleteMessages(tx, ended)
  })
}
