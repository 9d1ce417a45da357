import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import { participantsOf } from '../../domain/messages/participants.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import type { MessageRow } from './serialize.ts'

export const findInboxMessage = statement(({ db, t, p }: StatementParts<{ messageId: string; agentId: string }>) =>
  db
    .select()
    .from(t.messages)
    .where(and(eq(t.messages.id, p.messageId), eq(t.messages.toAgent, p.agentId)))
    .prepare(),
)

/** The message and the receipt of one delivery. */
export interface Receipt {
  readonly messageId: string
  readonly receipt: string
}

/**
 * Matches the delivery of a receipt: the last one of the caller's own message, while it is
 * unsettled.
 */
export const isCurrentDeliverySql = ({ t, p }: StatementParts<Receipt & { agentId: string }>) =>
  and(
    eq(t.messages.id, p.messageId),
    eq(t.messages.toAgent, p.agentId),
    eq(t.messages.receipt, p.receipt),
    equalsLiteral(t.messages.status, 'delivered'),
  )

/** The columns for the event of a change that a receipt makes. */
export const receiptEventColumns = ({ t }: Pick<StatementParts<object>, 't'>) => ({
  fromAgent: t.messages.fromAgent,
  taskId: t.messages.taskId,
  threadId: t.messages.threadId,
  retryCount: t.messages.retryCount,
})

type ReceiptEventRow = Pick<MessageRow, 'fromAgent' | 'taskId' | 'threadId' | 'retryCount'>

/** Appends an event for sender and recipient about a message that was acked or shown. */
export function recordReceiptEvent(
  tx: Transaction,
  type: 'message.acked' | 'message.shown',
  agentId: string,
  messageId: string,
  { fromAgent, taskId, threadId, retryCount }: ReceiptEventRow,
): void {
  tx.append({
    type,
    subject: messageId,
    actor: agentId,
    taskId,
    threadId,
    audience: participantsOf({ fromAgent, toAgent: agentId }),
    data: { messageId, attempt: retryCount },
  })
}

/**
 * Returns the reason why a transition that needs the current receipt changed no row. Messages of
 * other agents fail like unknown ones.
 */
export function staleReceiptError(known: MessageRow | undefined, messageId: string): CoordinationError {
  if (!known) return new CoordinationError('NOT_FOUND', `Message ${messageId} not found`)
  return new CoordinationError(
    'STALE_RECEIPT',
    `this receipt of message ${messageId} is not current: the message was acked, delivered again or has ended`,
    { status: known.status, attempt: known.retryCount },
  )
}

export function refuseReceipt(known: MessageRow | undefined, messageId: string): never {
  throw staleReceiptError(known, messageId)
}
