import type { messageAckInput, messageAckOutput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import {
  findMessage,
  isCurrentDelivery,
  type Receipt,
  receiptEventColumns,
  recordReceiptEvent,
  staleReceiptError,
} from './receipt.ts'

const ack = statement((q: Query<Receipt & { agentId: string; now: number }>) => {
  const { db, t, p } = q
  return db
    .update(t.messages)
    .set({ status: 'acked', ackBy: null, endedAt: p.now })
    .where(isCurrentDelivery(q))
    .returning(receiptEventColumns(q))
    .prepare()
})

/** Acks one delivery, or returns the refusal. A repeated ack after a lost reply succeeds too. */
async function ackIn(tx: Transaction, agentId: string, { messageId, receipt }: Receipt) {
  const [row] = await tx.run(ack, { messageId, agentId, receipt, now: tx.now })
  if (!row) {
    const [known] = await tx.run(findMessage, { messageId, agentId })
    const done = known?.status === 'acked' && known.receipt === receipt
    return done ? undefined : staleReceiptError(known, messageId)
  }
  recordReceiptEvent(tx, 'message.acked', agentId, messageId, row)
  // The inbox has capacity for one more delivery.
  tx.wake({ topic: 'inbox', agentId, reason: 'capacity' })
  return undefined
}

/** `messages.ack`: settles one delivery, or several with a result for each. */
export function ackMessage(
  ctx: Context,
  input: z.output<typeof messageAckInput>,
): Promise<z.output<typeof messageAckOutput>> {
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    if (!('acks' in input)) {
      const refused = await ackIn(tx, agentId, input)
      if (refused) throw refused
      return { messageId: input.messageId, status: 'acked' }
    }
    const results: NonNullable<z.output<typeof messageAckOutput>['results']> = []
    for (const one of input.acks) {
      const refused = await ackIn(tx, agentId, one)
      const error = refused ? { code: refused.code, message: refused.message } : null
      results.push({ messageId: one.messageId, status: refused ? null : 'acked', error })
    }
    return { results }
  })
}
