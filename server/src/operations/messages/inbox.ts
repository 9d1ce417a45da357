import { type messageInboxInput, rankOfMode } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type Chunk, item } from '../../domain/feed/item.ts'
import { requireAgent } from '../../domain/principal.ts'
import { Bell } from '../../platform/notifier.ts'
import { type Delivery, deliverIn } from './deliver.ts'

/** Handed over at a time, so that one transaction does not hold others up. */
const chunkLimit = 32

/** `messages.inbox`: hands out mail as it comes, within what may wait for its ack. */
export async function* openInbox(
  ctx: Context,
  input: z.output<typeof messageInboxInput>,
): AsyncGenerator<Chunk<Delivery>> {
  const agentId = requireAgent(ctx.principal).id
  const { maxAckPending, ackWaitMs } = input
  const bell = new Bell()
  const since = { mail: false, room: false }
  const close = ctx.inboxes.watch(agentId, (because) => {
    since[because] = true
    bell.ring()
  })
  ctx.signal.addEventListener('abort', bell.ring, { once: true })
  try {
    while (!ctx.signal.aborted) {
      since.mail = false
      since.room = false
      const handing = { agentId, limit: chunkLimit, upTo: rankOfMode('digest'), maxAckPending, ackWaitMs }
      const { messages, full } = await ctx.transact((tx) => deliverIn(tx, handing))
      if (messages.length > 0) yield messages.map((message) => item(message))
      if (messages.length === chunkLimit) continue
      // An ack makes room, which is worth a transaction only where something waits for it.
      while (!(since.mail || (full && since.room) || ctx.signal.aborted)) await bell.rung()
    }
  } finally {
    close()
    ctx.signal.removeEventListener('abort', bell.ring)
  }
}
