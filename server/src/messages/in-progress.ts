import type { messageInProgressInput, messageInProgressOutput } from '@tony/mcp-shared/messages'
import { and, eq, isNull } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { participantsOf } from '../mail/participants.ts'
import { requireAgent } from '../principal.ts'
import { type Query, statement, type Transaction } from '../store/store.ts'
import { iso } from '../times.ts'
import { findMessage, isCurrent, type Receipt, refuseReceipt } from './receipt.ts'

const extend = statement((q: Query<Receipt & { agentId: string; ackBy: number }>) =>
  q.db.update(q.t.messages).set({ ackBy: q.p.ackBy }).where(isCurrent(q)).returning({ id: q.t.messages.id }).prepare(),
)

const show = statement(({ db, t, p }: Query<{ messageId: string; now: number }>) =>
  db
    .update(t.messages)
    .set({ shownAt: p.now })
    .where(and(eq(t.messages.id, p.messageId), isNull(t.messages.shownAt)))
    .returning({
      fromAgent: t.messages.fromAgent,
      taskId: t.messages.taskId,
      threadId: t.messages.threadId,
      retryCount: t.messages.retryCount,
    })
    .prepare(),
)

/** Tells the sender that its message was put before a model, once. */
async function noteShown(tx: Transaction, agentId: string, messageId: string): Promise<void> {
  const [row] = await tx.run(show, { messageId, now: tx.now })
  if (!row) return
  tx.append({
    type: 'message.shown',
    subject: messageId,
    actor: agentId,
    taskId: row.taskId,
    threadId: row.threadId,
    audience: participantsOf({ ...row, toAgent: agentId }),
    data: { messageId, attempt: row.retryCount },
  })
}

/** `messages.inProgress`: still at it. The delivery waits for its ack anew; no event, unless it was shown for the first time. */
export function keepInProgress(
  ctx: Context,
  { messageId, receipt, ackWaitMs, shown }: z.output<typeof messageInProgressInput>,
): Promise<z.output<typeof messageInProgressOutput>> {
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const ackBy = tx.now + ackWaitMs
    const [row] = await tx.run(extend, { messageId, agentId, receipt, ackBy })
    if (!row) {
      const [known] = await tx.run(findMessage, { messageId, agentId })
      return refuseReceipt(known, messageId)
    }
    if (shown) await noteShown(tx, agentId, messageId)
    return { messageId, ackBy: iso(ackBy) }
  })
}
