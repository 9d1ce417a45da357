import { type messageReceiveInput, type messageReceiveOutput, rankOfMode } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import { blockUntil } from '../../domain/blocking.ts'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { deliverIn, deliveryKeysOf } from './deliver.ts'

/** `messages.receive`: the inbox as a blocking call, for callers without a socket. */
export async function receiveMessages(
  ctx: Context,
  input: z.output<typeof messageReceiveInput>,
): Promise<z.output<typeof messageReceiveOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const { limit, maxAckPending, ackWaitMs, maxBytes, waitMs } = input
  const options = { agentId, limit, upTo: rankOfMode(input.upTo), maxAckPending, ackWaitMs, maxBytes }
  const attempt = async () => {
    const { messages, heldBackBy } = await ctx.transactLargeReply((tx) => deliverIn(tx, options), {
      serialKeys: deliveryKeysOf(agentId),
    })
    return { messages, more: messages.length === limit || heldBackBy === 'size' }
  }
  if (waitMs === 0) return attempt()
  return blockUntil({
    ctx,
    waitMs,
    subscribe: (notify) => ({ beforeAttempt: () => undefined, leave: ctx.waiters.inboxes.watch(agentId, notify) }),
    attempt,
    isFound: ({ messages, more }) => messages.length > 0 || more,
  })
}
