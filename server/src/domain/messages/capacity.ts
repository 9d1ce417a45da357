import { CoordinationError } from '@tony/mcp-shared/errors'
import { criticalShare } from '@tony/mcp-shared/messages'
import { rankOf } from '@tony/mcp-shared/priorities'
import { eq, sql } from 'drizzle-orm'
import { type Query, statement, type Transaction } from '../../store/store.ts'

const countPending = statement(({ db, t, p, locked }: Query<{ agentId: string }>) =>
  locked(
    db
      .select({ held: sql<number>`${t.mailboxes.pending} + ${t.mailboxes.delivered}` })
      .from(t.mailboxes)
      .where(eq(t.mailboxes.agentId, p.agentId)),
  ).prepare(),
)

const critical = rankOf('critical')

interface CapacityQuery {
  readonly agentId: string
  /** Rank of the message's priority. */
  readonly priority: number
  /** How many messages a mailbox holds that have not ended. */
  readonly maxPending: number
}

/**
 * Whether a mailbox takes one more message. The row that counts is locked until the commit: of two that find the last place
 * free, one waits for the other.
 */
export async function hasCapacity(tx: Transaction, { agentId, priority, maxPending }: CapacityQuery): Promise<boolean> {
  const [inbox] = await tx.run(countPending, { agentId })
  const reserve = priority === critical ? 0 : Math.floor(maxPending * criticalShare)
  return (inbox?.held ?? 0) < maxPending - reserve
}

export const inboxFull = (agentId: string, maxPending: number): CoordinationError =>
  new CoordinationError(
    'INBOX_FULL',
    `the mailbox of agent ${agentId} is full: it has to ack some of what it holds first`,
    { agentId, maxPending },
  )
