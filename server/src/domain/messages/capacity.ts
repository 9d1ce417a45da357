import { CoordinationError } from '@tony/mcp-shared/errors'
import { criticalShare } from '@tony/mcp-shared/messages'
import { rankOfPriority } from '@tony/mcp-shared/priorities'
import { eq, sql } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

const countUnsettled = statement(({ db, t, p, locked }: StatementParts<{ agentId: string }>) =>
  locked(
    db
      .select({ unsettled: sql<number>`${t.mailboxes.pending} + ${t.mailboxes.delivered}` })
      .from(t.mailboxes)
      .where(eq(t.mailboxes.agentId, p.agentId)),
  ).prepare(),
)

const criticalRank = rankOfPriority('critical')

interface CapacityQuery {
  readonly agentId: string
  /** Rank of the message's priority. */
  readonly priority: number
  /** The inbox capacity: the number of unsettled messages it accepts. */
  readonly maxPending: number
}

async function readUnsettledIn(tx: Transaction, agentId: string): Promise<number> {
  const [inbox] = await tx.run(countUnsettled, { agentId })
  return inbox?.unsettled ?? 0
}

/**
 * Returns true if an inbox accepts one more message, and counts that message for the later senders
 * of the batch. The row with the counter stays locked until the commit, so that two senders cannot
 * both use the last free capacity. Senders of one batch share one read of the row.
 */
export async function reserveCapacity(
  tx: Transaction,
  { agentId, priority, maxPending }: CapacityQuery,
): Promise<boolean> {
  const inbox = tx.share(`capacity ${agentId}`, () => ({ unsettled: readUnsettledIn(tx, agentId), taken: 0 }))
  const unsettled = (await inbox.unsettled) + inbox.taken
  const reserve = priority === criticalRank ? 0 : Math.floor(maxPending * criticalShare)
  const isFree = unsettled < maxPending - reserve
  if (isFree) inbox.taken += 1
  return isFree
}

export const inboxFullError = (agentId: string, maxPending: number): CoordinationError =>
  new CoordinationError('INBOX_FULL', `the inbox of agent ${agentId} is full: it must ack messages first`, {
    agentId,
    maxPending,
  })
