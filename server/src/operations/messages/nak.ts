import type { messageNakInput, messageTransitionOutput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { nakDelivery } from './end-delivery.ts'
import { findInboxMessage, refuseReceipt } from './receipt.ts'
import { messageStatusOf } from './serialize.ts'

/**
 * `messages.nak`: asks for another delivery after a delay. After the last delivery the message is a
 * dead letter.
 */
export function nakMessage(
  ctx: Context,
  input: z.output<typeof messageNakInput>,
): Promise<z.output<typeof messageTransitionOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const { messageId, receipt } = input
  const jitter = ctx.clock.random()
  return ctx.transact(async (tx) => {
    const params = { messageId, agentId, receipt, jitter, delayMs: input.delayMs ?? null, error: input.error ?? null }
    const row = await nakDelivery(tx, params)
    if (row) return { messageId, status: messageStatusOf(row.status) }
    const [known] = await tx.run(findInboxMessage, { messageId, agentId })
    return refuseReceipt(known, messageId)
  })
}
