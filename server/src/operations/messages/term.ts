import type { messageTermInput, messageTransitionOutput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { termDelivery } from './end-delivery.ts'
import { findInboxMessage, refuseReceipt } from './receipt.ts'

/** `messages.term`: makes a message a dead letter at once, even with deliveries left. */
export function termMessage(
  ctx: Context,
  { messageId, receipt, error }: z.output<typeof messageTermInput>,
): Promise<z.output<typeof messageTransitionOutput>> {
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    if (await termDelivery(tx, { messageId, agentId, receipt, error: error ?? null }))
      return { messageId, status: 'dead' }
    const [known] = await tx.run(findInboxMessage, { messageId, agentId })
    return refuseReceipt(known, messageId)
  })
}
