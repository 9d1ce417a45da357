import { type messageInboxInput, rankOfMode } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type ItemChunk, toSubscriptionItem } from '../../domain/feed/item.ts'
import { requireAgent } from '../../domain/principal.ts'
import { Notifier } from '../../platform/notifier.ts'
import { type Delivery, deliverIn, deliveryKeysOf } from './deliver.ts'
import { SendDeliveries } from './send-deliveries.ts'

/** The number of messages per transaction, so that one transaction does not delay others. */
const chunkLimit = 32

/** `messages.inbox`: delivers messages as they come, up to the limit of unacked deliveries. */
export async function* openInbox(
  ctx: Context,
  input: z.output<typeof messageInboxInput>,
): AsyncGenerator<ItemChunk<Delivery>> {
  const agentId = requireAgent(ctx.principal).id
  const { maxAckPending, ackWaitMs } = input
  const notifier = new Notifier()
  const signalled = { message: false, capacity: false }
  const sent = new SendDeliveries(ctx, input, notifier)
  const notify = (reason: 'message' | 'capacity') => {
    signalled[reason] = true
    notifier.notify()
  }
  const close = ctx.waiters.inboxes.watch(agentId, notify, sent.inbox)
  ctx.signal.addEventListener('abort', notifier.notify, { once: true })
  try {
    while (!ctx.signal.aborted) {
      signalled.message = false
      signalled.capacity = false
      const options = { agentId, limit: chunkLimit, upTo: rankOfMode('digest'), maxAckPending, ackWaitMs }
      const { messages, heldBackBy } = await ctx.transact((tx) => deliverIn(tx, options), {
        serialKeys: deliveryKeysOf(agentId),
      })
      if (messages.length > 0) yield messages.map((message) => toSubscriptionItem(message))
      if (messages.length === chunkLimit || heldBackBy === 'size') continue
      for (;;) {
        // Before the next transaction, whose messages are younger.
        if (sent.hasItems) yield sent.takeItems()
        // An ack frees capacity, which is worth a transaction only if a message waits for it.
        else if (signalled.message || (heldBackBy === 'acks' && signalled.capacity) || ctx.signal.aborted) break
        else await sent.wait()
      }
    }
    await sent.settle()
    if (sent.hasItems) yield sent.takeItems()
  } finally {
    close()
    ctx.signal.removeEventListener('abort', notifier.notify)
  }
}
