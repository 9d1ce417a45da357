import type { messageAckInput, messageAckOutput } from '@tony/mcp-shared/messages'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { requireAgent } from '../principal.ts'
import { isWord } from '../store/literals.ts'
import { type Query, statement } from '../store/store.ts'
import { findMessage, refuseReceipt } from './receipt.ts'

const ack = statement(({ db, t, p }: Query<{ messageId: string; agentId: string; receipt: string; now: number }>) =>
  db
    .update(t.messages)
    .set({ status: 'acked', ackBy: null, endedAt: p.now })
    .where(
      and(
        eq(t.messages.id, p.messageId),
        eq(t.messages.toAgent, p.agentId),
        eq(t.messages.receipt, p.receipt),
        isWord(t.messages.status, 'delivered'),
      ),
    )
    .returning({
      fromAgent: t.messages.fromAgent,
      taskId: t.messages.taskId,
      threadId: t.messages.threadId,
      retryCount: t.messages.retryCount,
    })
    .prepare(),
)

/** `messages.ack`: the message is done with. The same ack again, its reply lost, is as good as the first. */
export function ackMessage(
  ctx: Context,
  input: z.output<typeof messageAckInput>,
): Promise<z.output<typeof messageAckOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const { messageId, receipt } = input
  return ctx.transact(async (tx) => {
    const [row] = await tx.run(ack, { messageId, agentId, receipt, now: tx.now })
    if (!row) {
      const [known] = await tx.run(findMessage, { messageId, agentId })
      if (known?.status === 'acked' && known.receipt === receipt) return { messageId, status: 'acked' }
      return refuseReceipt(known, messageId)
    }
    tx.append({
      type: 'message.acked',
      subject: messageId,
      actor: agentId,
      taskId: row.taskId,
      threadId: row.threadId,
      audience: row.fromAgent === null ? [agentId] : [row.fromAgent, agentId],
      data: { messageId, attempt: row.retryCount },
    })
    // Room for one more in the inbox.
    tx.wake({ topic: 'inbox', agentId, because: 'room' })
    return { messageId, status: 'acked' }
  })
}
