import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import { type Query, statement } from '../store/store.ts'
import type { MessageRow } from './deliver.ts'

export const findMessage = statement(({ db, t, p }: Query<{ messageId: string; agentId: string }>) =>
  db
    .select()
    .from(t.messages)
    .where(and(eq(t.messages.id, p.messageId), eq(t.messages.toAgent, p.agentId)))
    .prepare(),
)

/** Why a move that needs the current receipt changed no row. Somebody else's message and an absent one are the same. */
export function refuseReceipt(known: MessageRow | undefined, messageId: string): never {
  if (!known) throw new CoordinationError('NOT_FOUND', `Message ${messageId} not found`)
  throw new CoordinationError(
    'STALE_RECEIPT',
    `this receipt of message ${messageId} is over: it was acked, or delivered again`,
    {
      status: known.status,
      attempt: known.retryCount,
    },
  )
}
