import type { deadLetterRedriveInput, deadLetterRedriveOutput } from '@tony/mcp-shared/dead-letters'
import type { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { agentNotFoundError, isRegistered, requireRegisteredAgent } from '../../../domain/agents/lookup.ts'
import type { Context } from '../../../domain/context.ts'
import { inboxFullError, reserveCapacity } from '../../../domain/messages/capacity.ts'
import { participantsOf } from '../../../domain/messages/participants.ts'
import { actorOf } from '../../../domain/principal.ts'
import { equalsLiteral } from '../../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../../store/store.ts'
import type { MessageHead } from '../serialize.ts'
import { findDeadLetters } from './find.ts'

type Output = z.output<typeof deadLetterRedriveOutput>

/**
 * Gives a dead letter all its deliveries again and no expiry, because a redrive means that it
 * should be read. Its priority and age put it back in its old position.
 */
const returnToInbox = statement(({ db, t, p }: StatementParts<{ ord: number; to: string }>) =>
  db
    .update(t.messages)
    .set({
      status: 'pending',
      ready: 1,
      notBefore: null,
      toAgent: p.to,
      retryCount: 0,
      redrives: sql`${t.messages.redrives} + 1`,
      receipt: null,
      ackBy: null,
      shownAt: null,
      expiresAt: null,
      endedAt: null,
    })
    .where(and(eq(t.messages.ord, p.ord), equalsLiteral(t.messages.status, 'dead')))
    .returning({ redrives: t.messages.redrives })
    .prepare(),
)

/** Returns the reason why a dead letter cannot go to an inbox; undefined if it can. */
async function redriveErrorOf(
  tx: Transaction,
  { projectId, priority }: MessageHead,
  to: string,
  maxPending: number,
): Promise<CoordinationError | undefined> {
  if (!(await isRegistered(tx, projectId, to))) return agentNotFoundError(to)
  return (await reserveCapacity(tx, { agentId: to, priority, maxPending })) ? undefined : inboxFullError(to, maxPending)
}

async function redriveDeadLetter(tx: Transaction, ctx: Context, row: MessageHead, to: string): Promise<boolean> {
  const [moved] = await tx.run(returnToInbox, { ord: row.ord, to })
  if (!moved) return false
  tx.append({
    type: 'message.redriven',
    subject: row.id,
    actor: actorOf(ctx.principal),
    taskId: row.taskId,
    threadId: row.threadId,
    audience: [...new Set([...participantsOf(row), to])],
    data: { messageId: row.id, to, redrives: moved.redrives },
  })
  tx.notify({ topic: 'inbox', agentId: to, reason: 'message' })
  return true
}

/** `messages.deadLetters.redrive`: returns the dead letters themselves, not copies, to an inbox. */
export const redriveDeadLetters = (ctx: Context, input: z.output<typeof deadLetterRedriveInput>): Promise<Output> =>
  ctx.transact(async (tx) => {
    const target =
      input.to === undefined ? undefined : await requireRegisteredAgent(tx, ctx.principal.project, input.to)
    const { rows, next } = await findDeadLetters(tx, ctx, input.filter, { after: undefined, limit: input.limit })
    const redriven: string[] = []
    const refused: Output['refused'] = []
    for (const row of rows) {
      const to = target ?? row.toAgent
      const error = await redriveErrorOf(tx, row, to, ctx.config.maxPending)
      if (error) refused.push({ messageId: row.id, error: { code: error.code, message: error.message } })
      else if (await redriveDeadLetter(tx, ctx, row, to)) redriven.push(row.id)
    }
    // If none was redriven, another call would change nothing.
    return { redriven, refused, more: next !== null && redriven.length > 0 }
  })
