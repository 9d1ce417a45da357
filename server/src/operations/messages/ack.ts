import type { messageAckInput, messageAckOutput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { type StatementParts, singleRowUpdate, statement, type Transaction } from '../../store/store.ts'
import {
  findInboxMessage,
  isCurrentDeliverySql,
  type Receipt,
  receiptEventColumns,
  recordReceiptEvent,
  staleReceiptError,
} from './receipt.ts'

const markAcked = singleRowUpdate(
  statement((q: StatementParts<Receipt & { agentId: string; now: number }>) => {
    const { db, t, p } = q
    return db
      .update(t.messages)
      .set({ status: 'acked', ackBy: null, endedAt: p.now })
      .where(isCurrentDeliverySql(q))
      .returning(receiptEventColumns(q))
      .prepare()
  }),
)

/** Acks one delivery, or returns the refusal. A repeated ack after a lost reply succeeds too. */
async function ackIn(tx: Transaction, agentId: string, { messageId, receipt }: Receipt) {
  const [row] = await tx.run(markAcked, { messageId, agentId, receipt, now: tx.now })
  if (!row) {
    const [known] = await tx.run(findInboxMessage, { messageId, agentId })
    const done = known?.status === 'acked' && known.receipt === receipt
    return done ? undefined : staleReceiptError(known, messageId)
  }
  recordReceiptEvent(tx, 'message.acked', agentId, messageId, row)
  // The inbox has capacity for one more delivery.
  tx.notify({ topic: 'inbox', agentId, reason: 'capacity' })
  return undefined
}

/** `messages.ack`: settles one delivery, or several with a result for each. */
export function ackMessage(
  ctx: Context,
  input: z.output<typeof messageAckInput>,
): Promise<z.output<typeof messageAckOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const work = async (tx: Transaction): Promise<z.output<typeof messageAckOutput>> => {
    if (!('acks' in input)) {
      const refused = await ackIn(tx, agentId, input)
      if (refused) throw refused
      return { messageId: input.messageId, status: 'acked' }
    }
    // Sent together: with PostgreSQL they share one round trip.
    const refusals = await Promise.all(input.acks.map((one) => ackIn(tx, agentId, one)))
    const results = input.acks.map(({ messageId }, index) => {
      const refused = refusals[index]
      const error = refused ? { code: refused.code, message: refused.message } : null
      return { messageId, status: refused ? null : ('acked' as const), error }
    })
    return { results }
  }
  return ctx.transact(work, { serialKeys: [] })
}
