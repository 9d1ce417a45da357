import { CoordinationError } from '@tony/mcp-shared/errors'
import { maxTopicsPerAgent, type messageSubscribeInput, type messageSubscribeOutput } from '@tony/mcp-shared/messages'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import { topicsOf } from './topics.ts'

const lockInbox = statement(({ db, t, p, locked }: StatementParts<{ agentId: string }>) =>
  locked(db.select({ id: t.mailboxes.agentId }).from(t.mailboxes).where(eq(t.mailboxes.agentId, p.agentId))).prepare(),
)

const insertSubscription = statement(
  ({ db, t, p }: StatementParts<{ agentId: string; topic: string; project: string }>) =>
    db
      .insert(t.subscriptions)
      .values({ agentId: p.agentId, topic: p.topic, projectId: p.project })
      .onConflictDoNothing()
      .returning({ topic: t.subscriptions.topic })
      .prepare(),
)

/**
 * `messages.subscribe`: counts the topics after the insert, under the lock of the inbox. A topic
 * over the limit rolls the insert back.
 */
export function subscribeTopic(
  ctx: Context,
  { topic }: z.output<typeof messageSubscribeInput>,
): Promise<z.output<typeof messageSubscribeOutput>> {
  const { id: agentId } = requireAgent(ctx.principal)
  return ctx.transact(async (tx) => {
    await tx.run(lockInbox, { agentId })
    const added = await tx.run(insertSubscription, { agentId, topic, project: ctx.principal.project })
    const topics = await topicsOf(tx, agentId)
    if (topics.length > maxTopicsPerAgent)
      throw new CoordinationError(
        'INVALID_INPUT',
        `topic: an agent subscribes to at most ${maxTopicsPerAgent} topics: unsubscribe from one of them first`,
      )
    if (added.length > 0) tx.append({ type: 'topic.subscribed', subject: agentId, actor: agentId, data: { topic } })
    return { topic, topics }
  })
}
