import type { DeliveryFailureReason } from '@tony/mcp-shared/dead-letters'
import { redeliveryPolicy } from '@tony/mcp-shared/messages'
import { and, eq, lte, type SQL, sql } from 'drizzle-orm'
import { recordDeliveryFailure } from '../../domain/messages/failures.ts'
import { participantsOf } from '../../domain/messages/participants.ts'
import { backoffMsSql } from '../../platform/backoff.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { isCurrentDeliverySql, type Receipt } from './receipt.ts'
import type { MessageRow } from './serialize.ts'

interface NakParams {
  /** The fraction [0, 1) of the longest backoff: full jitter. */
  jitter: number
  /** Null means the backoff. */
  delayMs: number | null
  error: string | null
  now: number
}

/**
 * The columns to set when a delivery ends without an ack. The message becomes pending again after a
 * delay or, if it has no delivery left, a dead letter.
 */
function nakColumns({ t, p }: StatementParts<NakParams>) {
  const dead = sql`${t.messages.retryCount} >= ${t.messages.maxDeliver}`
  const delay = sql`coalesce(${p.delayMs}, cast(floor(${p.jitter} * ${backoffMsSql(sql`(${t.messages.retryCount} - 1)`, redeliveryPolicy)}) as bigint))`
  return {
    status: sql`case when ${dead} then 'dead' else 'pending' end`,
    notBefore: sql`case when ${dead} then null else ${p.now} + ${delay} end`,
    endedAt: sql`case when ${dead} then ${p.now} end`,
    receipt: null,
    ackBy: null,
    lastError: p.error,
  } satisfies Record<string, SQL | null>
}

const nakByReceipt = statement((q: StatementParts<Receipt & NakParams & { agentId: string }>) =>
  q.db.update(q.t.messages).set(nakColumns(q)).where(isCurrentDeliverySql(q)).returning().prepare(),
)

const termByReceipt = statement((q: StatementParts<Receipt & { agentId: string; error: string | null; now: number }>) =>
  q.db
    .update(q.t.messages)
    .set({ status: 'dead', receipt: null, ackBy: null, endedAt: q.p.now, lastError: q.p.error })
    .where(isCurrentDeliverySql(q))
    .returning()
    .prepare(),
)

const findOverdueDeliveries = statement(
  ({ db, t, p, skipLocked }: StatementParts<{ project: string; now: number; limit: number }>) =>
    skipLocked(
      db
        .select({ ord: t.messages.ord })
        .from(t.messages)
        .where(
          and(
            eq(t.messages.projectId, p.project),
            equalsLiteral(t.messages.status, 'delivered'),
            lte(t.messages.ackBy, p.now),
          ),
        )
        .limit(placeholder('limit')),
    ).prepare(),
)

const nakOverdueDelivery = statement((q: StatementParts<NakParams & { ord: number }>) =>
  q.db
    .update(q.t.messages)
    .set(nakColumns(q))
    .where(
      and(
        eq(q.t.messages.ord, q.p.ord),
        equalsLiteral(q.t.messages.status, 'delivered'),
        lte(q.t.messages.ackBy, q.p.now),
      ),
    )
    .returning()
    .prepare(),
)

type DeliveryEndReason = Exclude<DeliveryFailureReason, 'inbox_full'>

/** Records the failed delivery and appends its event, in the transaction of the dead letter. */
async function recordEndedDelivery(tx: Transaction, row: MessageRow, reason: DeliveryEndReason): Promise<void> {
  const { id: messageId, redrives, retryCount: attempt, lastError: error } = row
  await recordDeliveryFailure(tx, { messageId, redrives, attempt, reason, error })
  const event = row.status === 'dead' ? 'message.dead' : reason === 'nak' ? 'message.nacked' : 'message.returned'
  tx.append({
    type: event,
    subject: row.id,
    actor: reason === 'ack_timeout' ? null : row.toAgent,
    taskId: row.taskId,
    threadId: row.threadId,
    audience: participantsOf(row),
    data: { messageId: row.id, attempt: row.retryCount, reason, error: row.lastError },
  })
  // The inbox has capacity for another delivery.
  tx.notify({ topic: 'inbox', agentId: row.toAgent, reason: 'capacity' })
}

/** Naks a delivery by its receipt. Returns undefined if the receipt is not the current one. */
export async function nakDelivery(
  tx: Transaction,
  delivery: Receipt & Omit<NakParams, 'now'> & { readonly agentId: string },
): Promise<MessageRow | undefined> {
  const [row] = await tx.run(nakByReceipt, { ...delivery, now: tx.now })
  if (row) await recordEndedDelivery(tx, row, 'nak')
  return row
}

/**
 * Makes a message a dead letter by the receipt of its delivery. Returns undefined if the receipt is
 * not the current one.
 */
export async function termDelivery(
  tx: Transaction,
  delivery: Receipt & { readonly agentId: string; readonly error: string | null },
): Promise<MessageRow | undefined> {
  const [row] = await tx.run(termByReceipt, { ...delivery, now: tx.now })
  if (row) await recordEndedDelivery(tx, row, 'term')
  return row
}

/** Ends up to `limit` deliveries whose ack deadline has passed. Returns their number. */
export async function nakOverdueDeliveries(
  tx: Transaction,
  project: string,
  limit: number,
  random: () => number,
): Promise<number> {
  const rows = await tx.run(findOverdueDeliveries, { project, now: tx.settledAt, limit })
  for (const { ord } of rows) {
    const params = { ord, jitter: random(), delayMs: null, error: 'no ack in time', now: tx.settledAt }
    const [row] = await tx.run(nakOverdueDelivery, params)
    if (row) await recordEndedDelivery(tx, row, 'ack_timeout')
  }
  return rows.length
}
