import { CoordinationError } from '@tony/mcp-shared/errors'
import { criticalShare } from '@tony/mcp-shared/messages'
import { rankOfPriority } from '@tony/mcp-shared/priorities'
import { eq, sql } from 'drizzle-orm'
import { type Query, statement, type Transaction } from '../../store/store.ts'

const countPending = statement(({ db, t, p, locked }: Query<{ agentId: string }>) =>
  locked(
    db
      .select({ unsettled: sql<number>`${t.mailboxes.pending} + ${t.mailboxes.delivered}` })
      .from(t.mailboxes)
      .where(eq(t.mailboxes.agentId, p.agentId)),
  ).prepare(),
)

const critical = rankOfPriority('critical')

interface CapacityQuery {
  readonly agentId: string
  /** Rank of the message's priority. */
  readonly priority: number
  /** The inbox capacity: the number of unsettled messages it accepts. */
  readonly maxPending: number
}

/**
 * True if an inbox accepts one more message. The row with the counter stays locked until the
 * commit, so that two senders cannot both take the last free slot.
 */
export async function hasCapacity(tx: Transaction, { agentId, priority, maxPending }: CapacityQuery): Promise<boolean> {
  const [inbox] = await tx.run(countPending, { agentId })
  const reserve = priority === critical ? 0 : Math.floor(maxPending * criticalShare)
  return (inbox?.unsettled ?? 0) < maxPending - reserve
}

export const inboxFullError = (agentId: string, maxPending: number): CoordinationError =>
  new CoordinationError('INBOX_FULL', `the inbox of agent ${agentId} is full: it must ack messages first`, {
    agentId,
    maxPending,
  })
