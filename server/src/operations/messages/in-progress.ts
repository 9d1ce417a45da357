import type { messageInProgressInput, messageInProgressOutput } from '@tony/mcp-shared/messages'
import { and, eq, isNull } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { iso } from '../../platform/times.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import {
  findInboxMessage,
  isCurrentDeliverySql,
  type Receipt,
  receiptEventColumns,
  recordReceiptEvent,
  refuseReceipt,
} from './receipt.ts'

const moveAckDeadline = statement((q: StatementParts<Receipt & { agentId: string; ackBy: number }>) =>
  q.db
    .update(q.t.messages)
    .set({ ackBy: q.p.ackBy })
    .where(isCurrentDeliverySql(q))
    .returning({ id: q.t.messages.id })
    .prepare(),
)

/** Changes a row the first time only, so that the sender is notified once. */
const markShown = statement((q: StatementParts<{ messageId: string; now: number }>) =>
  q.db
    .update(q.t.messages)
    .set({ shownAt: q.p.now })
    .where(and(eq(q.t.messages.id, q.p.messageId), isNull(q.t.messages.shownAt)))
    .returning(receiptEventColumns(q))
    .prepare(),
)

/**
 * `messages.inProgress`: moves the ack deadline of a delivery. It appends an event only when the
 * message was shown for the first time.
 */
export function markInProgress(
  ctx: Context,
  { messageId, receipt, ackWaitMs, shown }: z.output<typeof messageInProgressInput>,
): Promise<z.output<typeof messageInProgressOutput>> {
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const ackBy = tx.now + ackWaitMs
    const [row] = await tx.run(moveAckDeadline, { messageId, agentId, receipt, ackBy })
    if (!row) {
      const [known] = await tx.run(findInboxMessage, { messageId, agentId })
      return refuseReceipt(known, messageId)
    }
    const [first] = shown ? await tx.run(markShown, { messageId, now: tx.now }) : []
    if (first) recordReceiptEvent(tx, 'message.shown', agentId, messageId, first)
    return { messageId, ackBy: iso(ackBy) }
  })
}
