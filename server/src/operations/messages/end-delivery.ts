import { redeliveryPolicy } from '@tony/mcp-shared/messages'
import { and, eq, lte, type SQL, sql } from 'drizzle-orm'
import { noteFailure } from '../../domain/messages/failures.ts'
import { participantsOf } from '../../domain/messages/participants.ts'
import { backoff } from '../../platform/backoff.ts'
import { isWord } from '../../store/sql-literals.ts'
import { placeholder, type Query, statement, type Transaction } from '../../store/store.ts'
import type { MessageRow } from './deliver.ts'
import { isCurrent, type Receipt } from './receipt.ts'

interface GivingBack {
  /** [0, 1) of the longest backoff: full jitter. */
  jitter: number
  /** Null for the backoff. */
  delayMs: number | null
  error: string | null
  now: number
}

/** What ending a delivery without an ack sets: the next one after a delay, or the dead letter, in one statement. */
function givenBack({ t, p }: Query<GivingBack>) {
  const dead = sql`${t.messages.retryCount} >= ${t.messages.maxDeliver}`
  const delay = sql`coalesce(${p.delayMs}, cast(floor(${p.jitter} * ${backoff(sql`(${t.messages.retryCount} - 1)`, redeliveryPolicy)}) as bigint))`
  return {
    status: sql`case when ${dead} then 'dead' else 'pending' end`,
    notBefore: sql`case when ${dead} then null else ${p.now} + ${delay} end`,
    endedAt: sql`case when ${dead} then ${p.now} end`,
    receipt: null,
    ackBy: null,
    lastError: p.error,
  } satisfies Record<string, SQL | null>
}

const nakOne = statement((q: Query<Receipt & GivingBack & { agentId: string }>) =>
  q.db.update(q.t.messages).set(givenBack(q)).where(isCurrent(q)).returning().prepare(),
)

const termOne = statement((q: Query<Receipt & { agentId: string; error: string | null; now: number }>) =>
  q.db
    .update(q.t.messages)
    .set({ status: 'dead', receipt: null, ackBy: null, endedAt: q.p.now, lastError: q.p.error })
    .where(isCurrent(q))
    .returning()
    .prepare(),
)

const overdue = statement(({ db, t, p, skipLocked }: Query<{ project: string; now: number; limit: number }>) =>
  skipLocked(
    db
      .select({ ord: t.messages.ord })
      .from(t.messages)
      .where(
        and(eq(t.messages.projectId, p.project), isWord(t.messages.status, 'delivered'), lte(t.messages.ackBy, p.now)),
      )
      .limit(placeholder('limit')),
  ).prepare(),
)

const returnOne = statement((q: Query<GivingBack & { ord: number }>) =>
  q.db
    .update(q.t.messages)
    .set(givenBack(q))
    .where(
      and(eq(q.t.messages.ord, q.p.ord), isWord(q.t.messages.status, 'delivered'), lte(q.t.messages.ackBy, q.p.now)),
    )
    .returning()
    .prepare(),
)

type Reason = 'nak' | 'term' | 'ack wait over'

/** The history of the delivery that failed, and the event: with the dead letter in the same transaction. */
async function record(tx: Transaction, row: MessageRow, reason: Reason): Promise<void> {
  const { id: messageId, redrives, retryCount: attempt, lastError: error } = row
  await noteFailure(tx, { messageId, redrives, attempt, reason, error })
  const event = row.status === 'dead' ? 'message.dead' : reason === 'nak' ? 'message.nacked' : 'message.returned'
  tx.append({
    type: event,
    subject: row.id,
    actor: reason === 'ack wait over' ? null : row.toAgent,
    taskId: row.taskId,
    threadId: row.threadId,
    audience: participantsOf(row),
    data: { messageId: row.id, attempt: row.retryCount, reason, error: row.lastError },
  })
  // Room for another in the inbox.
  tx.wake({ topic: 'inbox', agentId: row.toAgent, because: 'room' })
}

/** Ends a delivery by its receipt; undefined when that is not the current one. */
export async function nakDelivery(
  tx: Transaction,
  delivery: Receipt & Omit<GivingBack, 'now'> & { readonly agentId: string },
): Promise<MessageRow | undefined> {
  const [row] = await tx.run(nakOne, { ...delivery, now: tx.now })
  if (row) await record(tx, row, 'nak')
  return row
}

/** Gives a message up by the receipt of its delivery; undefined when that is not the current one. */
export async function termDelivery(
  tx: Transaction,
  delivery: Receipt & { readonly agentId: string; readonly error: string | null },
): Promise<MessageRow | undefined> {
  const [row] = await tx.run(termOne, { ...delivery, now: tx.now })
  if (row) await record(tx, row, 'term')
  return row
}

/** Ends up to `limit` deliveries that waited too long for their ack. Returns how many. */
export async function returnOverdue(
  tx: Transaction,
  project: string,
  limit: number,
  random: () => number,
): Promise<number> {
  const rows = await tx.run(overdue, { project, now: tx.now, limit })
  for (const { ord } of rows) {
    const giving = { ord, jitter: random(), delayMs: null, error: 'no ack in time', now: tx.now }
    const [row] = await tx.run(returnOne, giving)
    if (row) await record(tx, row, 'ack wait over')
  }
  return rows.length
}
