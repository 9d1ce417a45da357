import { type messageReceiveInput, type messageReceiveOutput, rankOfMode } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import { blockUntil } from '../../domain/blocking.ts'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { deliverIn } from './deliver.ts'

/** `messages.receive`: the inbox as a blocking call, for callers without a socket. */
export async function receiveMessages(
  ctx: Context,
  input: z.output<typeof messageReceiveInput>,
): Promise<z.output<typeof messageReceiveOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const { limit, maxAckPending, ackWaitMs, waitMs } = input
  const handing = { agentId, limit, upTo: rankOfMode(input.upTo), maxAckPending, ackWaitMs }
  const attempt = async () => {
    const { messages } = await ctx.transact((tx) => deliverIn(tx, handing))
    return { messages }
  }
  if (waitMs === 0) return attempt()
  return blockUntil({
    ctx,
    waitMs,
    watch: (ring) => ({ trying: () => undefined, leave: ctx.inboxes.watch(agentId, ring) }),
    attempt,
    found: ({ messages }) => messages.length > 0,
  })
}
