import type { messageSubscribeInput, messageSubscribeOutput } from '@tony/mcp-shared/messages'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import { topicsOf } from './topics.ts'

const deleteSubscription = statement(({ db, t, p }: StatementParts<{ agentId: string; topic: string }>) =>
  db
    .delete(t.subscriptions)
    .where(and(eq(t.subscriptions.agentId, p.agentId), eq(t.subscriptions.topic, p.topic)))
    .returning({ topic: t.subscriptions.topic })
    .prepare(),
)

/** `messages.unsubscribe`: messages that are in the inbox already stay there. */
export function unsubscribeTopic(
  ctx: Context,
  { topic }: z.output<typeof messageSubscribeInput>,
): Promise<z.output<typeof messageSubscribeOutput>> {
  const { id: agentId } = requireAgent(ctx.principal)
  return ctx.transact(async (tx) => {
    const removed = await tx.run(deleteSubscription, { agentId, topic })
    if (removed.length > 0) tx.append({ type: 'topic.unsubscribed', subject: agentId, actor: agentId, data: { topic } })
    return { topic, topics: await topicsOf(tx, agentId) }
  })
}
