import type { messageInProgressInput, messageInProgressOutput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { requireAgent } from '../principal.ts'
import { type Query, statement } from '../store/store.ts'
import { iso } from '../times.ts'
import { findMessage, isCurrent, type Receipt, refuseReceipt } from './receipt.ts'

const extend = statement((q: Query<Receipt & { agentId: string; ackBy: number }>) =>
  q.db.update(q.t.messages).set({ ackBy: q.p.ackBy }).where(isCurrent(q)).returning({ id: q.t.messages.id }).prepare(),
)

/** `messages.inProgress`: still at it. The delivery waits for its ack anew; no event, as nothing has become of it. */
export function keepInProgress(
  ctx: Context,
  { messageId, receipt, ackWaitMs }: z.output<typeof messageInProgressInput>,
): Promise<z.output<typeof messageInProgressOutput>> {
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const ackBy = tx.now + ackWaitMs
    const [row] = await tx.run(extend, { messageId, agentId, receipt, ackBy })
    if (row) return { messageId, ackBy: iso(ackBy) }
    const [known] = await tx.run(findMessage, { messageId, agentId })
    return refuseReceipt(known, messageId)
  })
}
