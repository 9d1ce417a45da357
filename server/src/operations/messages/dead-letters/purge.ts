import type { deadLetterPurgeInput, deadLetterPurgeOutput } from '@tony/mcp-shared/dead-letters'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../../domain/context.ts'
import { participantsOf } from '../../../domain/messages/participants.ts'
import { actorOf } from '../../../domain/principal.ts'
import { equalsLiteral } from '../../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../../store/store.ts'
import type { MessageHead } from '../serialize.ts'
import { findDeadLetters } from './find.ts'

const lockDeadLetter = statement(({ db, t, p, locked }: StatementParts<{ ord: number }>) =>
  locked(
    db
      .select({ ord: t.messages.ord })
      .from(t.messages)
      .where(and(eq(t.messages.ord, p.ord), equalsLiteral(t.messages.status, 'dead'))),
  ).prepare(),
)

const deleteFailures = statement(({ db, t, p }: StatementParts<{ messageId: string }>) =>
  db
    .delete(t.deliveryFailures)
    .where(eq(t.deliveryFailures.messageId, p.messageId))
    .returning({ attempt: t.deliveryFailures.attempt })
    .prepare(),
)

const deleteMessage = statement(({ db, t, p }: StatementParts<{ ord: number }>) =>
  db.delete(t.messages).where(eq(t.messages.ord, p.ord)).returning({ id: t.messages.id }).prepare(),
)

async function purgeDeadLetter(tx: Transaction, ctx: Context, row: MessageHead): Promise<number> {
  // The history refers to the message and is deleted first. The lock prevents a redrive in between.
  const [held] = await tx.run(lockDeadLetter, { ord: row.ord })
  if (!held) return 0
  await tx.run(deleteFailures, { messageId: row.id })
  await tx.run(deleteMessage, { ord: row.ord })
  tx.append({
    type: 'message.purged',
    subject: row.id,
    actor: actorOf(ctx.principal),
    taskId: row.taskId,
    threadId: row.threadId,
    audience: participantsOf(row),
    data: { messageId: row.id },
  })
  return 1
}

/**
 * `messages.deadLetters.purge`: deletes dead letters and their history. The payload of a fan-out
 * stays for its other copies.
 */
export const purgeDeadLetters = (
  ctx: Context,
  { filter, limit }: z.output<typeof deadLetterPurgeInput>,
): Promise<z.output<typeof deadLetterPurgeOutput>> =>
  ctx.transact(async (tx) => {
    const { rows, next } = await findDeadLetters(tx, ctx, filter, { after: undefined, limit })
    let purged = 0
    for (const row of rows) purged += await purgeDeadLetter(tx, ctx, row)
    return { purged, more: next !== null }
  })
