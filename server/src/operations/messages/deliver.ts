import type { delivery } from '@tony/mcp-shared/messages'
import { and, eq, gt, isNull, lte, or, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { admissionOf } from '../../domain/agents/admission.ts'
import { pageByteLimit } from '../../platform/paging.ts'
import { randomToken } from '../../platform/random.ts'
import { iso } from '../../platform/times.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, singleRowUpdate, statement, type Transaction } from '../../store/store.ts'
import { type MessageRow, wireFieldsOf } from './serialize.ts'

export type Delivery = z.output<typeof delivery>

const countInFlight = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .select({ count: sql<number>`count(*)` })
    .from(t.messages)
    .where(and(eq(t.messages.toAgent, p.agentId), equalsLiteral(t.messages.status, 'delivered')))
    .prepare(),
)

/** An expired message is never delivered, even before the sweep marks it. */
const isDeliverableSql = ({ t, p }: StatementParts<{ now: number }>) =>
  and(sql`${t.messages.ready} = 1`, or(isNull(t.messages.expiresAt), gt(t.messages.expiresAt, p.now)))

/** The size of a message's payload. Neither engine reads a text to tell its length. */
const payloadBytesSql = ({ db, t }: Pick<StatementParts<object>, 'db' | 't'>) =>
  sql<number>`coalesce(octet_length(${t.messages.payload}), ${db
    .select({ bytes: sql`octet_length(${t.bodies.payload})` })
    .from(t.bodies)
    .where(sql`${t.bodies.id} = ${t.messages.bodyId}`)})`

const findDeliverableMessages = statement(
  (q: StatementParts<{ agentId: string; now: number; upTo: number; limit: number }>) =>
    q
      .skipLocked(
        q.db
          .select({ ord: q.t.messages.ord, priority: q.t.messages.priority, bytes: payloadBytesSql(q) })
          .from(q.t.messages)
          .where(and(eq(q.t.messages.toAgent, q.p.agentId), isDeliverableSql(q), lte(q.t.messages.mode, q.p.upTo)))
          .orderBy(q.t.messages.priority, q.t.messages.ord)
          .limit(placeholder('limit')),
      )
      .prepare(),
)

interface DeliverParams {
  ord: number
  receipt: string
  ackBy: number
  now: number
}

const markDelivered = singleRowUpdate(
  statement((q: StatementParts<DeliverParams>) => {
    const { db, t, p } = q
    return db
      .update(t.messages)
      .set({
        status: 'delivered',
        ready: null,
        notBefore: null,
        deliveredAt: p.now,
        receipt: p.receipt,
        ackBy: p.ackBy,
        retryCount: sql`${t.messages.retryCount} + 1`,
      })
      .where(and(eq(t.messages.ord, p.ord), isDeliverableSql(q)))
      .returning()
      .prepare()
  }),
)

const findBody = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db.select({ payload: t.bodies.payload }).from(t.bodies).where(eq(t.bodies.id, p.id)).prepare(),
)

/** The number of further unacked deliveries that critical messages may use. */
const criticalReserve = 10

/**
 * The number of messages to look up at a time. Large messages fill a page with few of them, and the
 * lookup of each costs as much as its size.
 */
const messagesPerLookup = 32

export interface DeliverOptions {
  readonly agentId: string
  readonly limit: number
  /** Rank of the least urgent delivery mode to include. */
  readonly upTo: number
  readonly maxAckPending: number
  readonly ackWaitMs: number
  /** Bytes of the payloads together. Undefined allows one message of any size, or a page. */
  readonly maxBytes?: number | undefined
}

export interface DeliverResult {
  readonly messages: Delivery[]
  /**
   * The reason why further messages that are ready were not delivered: `size` if the page is full
   * in bytes, `acks` if an ack has to free the next one. Undefined if there are none, or beyond
   * `limit`.
   */
  readonly heldBackBy?: 'size' | 'acks'
}

interface DeliverableMessage {
  readonly ord: number
  readonly priority: number
  readonly bytes: number
}

/** The deliveries of one transaction so far. */
interface DeliveryCount {
  count: number
  bytes: number
}

interface DeliveryLimits {
  /** The number of messages that are allowed with this priority. */
  readonly allowed: (priority: number) => number
  readonly maxBytes: number | undefined
}

/** Counts a head as delivered, or returns the limit that it exceeds. */
function countWithinLimits(
  { priority, bytes }: DeliverableMessage,
  sum: DeliveryCount,
  { allowed, maxBytes }: DeliveryLimits,
): DeliverResult['heldBackBy'] {
  if (sum.count >= allowed(priority)) return 'acks'
  sum.bytes += bytes
  if (sum.count > 0 && sum.bytes > pageByteLimit) return 'size'
  if (maxBytes !== undefined && sum.bytes > maxBytes) return 'size'
  sum.count += 1
  return undefined
}

/**
 * Delivers the next messages of an inbox, by priority and then by age, up to the limit of unacked
 * deliveries and to one page of bytes. A message that does not fit stays pending.
 */
export async function deliverIn(
  tx: Transaction,
  { agentId, limit, upTo, maxAckPending, ackWaitMs, maxBytes }: DeliverOptions,
): Promise<DeliverResult> {
  if ((await admissionOf(tx, agentId)).paused) return { messages: [] }
  const [inFlight] = await tx.run(countInFlight, { agentId })
  const free = maxAckPending - (inFlight?.count ?? 0)
  const allowed = (priority: number) => (priority === 0 ? free + criticalReserve : free)
  const messages: Delivery[] = []
  const sum: DeliveryCount = { count: 0, bytes: 0 }
  for (;;) {
    const wanted = Math.min(limit - messages.length, messagesPerLookup)
    const heads = await tx.run(findDeliverableMessages, { agentId, now: tx.now, upTo, limit: wanted })
    let heldBackBy: DeliverResult['heldBackBy']
    const end = heads.findIndex((head) => {
      heldBackBy = countWithinLimits(head, sum, { allowed, maxBytes })
      return heldBackBy !== undefined
    })
    const chosen = end === -1 ? heads : heads.slice(0, end)
    // Sent together: with PostgreSQL they share one round trip.
    messages.push(...(await Promise.all(chosen.map(({ ord }) => deliverOneIn(tx, ord, ackWaitMs)))).flat())
    if (heldBackBy) return { messages, heldBackBy }
    if (heads.length < wanted || messages.length >= limit) return { messages }
  }
}

/**
 * Returns the serial keys of a delivery. It may run at the same time as the sends and acks of its
 * batch, but not as another delivery of the same inbox: they share the limit of unacked deliveries
 * and the order of messages.
 */
export const deliveryKeysOf = (agentId: string): readonly string[] => [`deliver ${agentId}`]

/** Delivers one message. Returns none if it is no longer deliverable. */
async function deliverOneIn(tx: Transaction, ord: number, ackWaitMs: number): Promise<Delivery[]> {
  const receipt = randomToken(12)
  const [row] = await tx.run(markDelivered, { ord, receipt, ackBy: tx.now + ackWaitMs, now: tx.now })
  return row ? [await toDelivery(tx, row)] : []
}

async function toDelivery(tx: Transaction, row: MessageRow): Promise<Delivery> {
  const [body] = row.bodyId === null ? [] : await tx.run(findBody, { id: row.bodyId })
  const payload = row.payload ?? body?.payload
  if (payload === undefined || row.receipt === null || row.ackBy === null)
    throw new Error(`message ${row.id} has no receipt or no ack deadline`)
  return {
    ...wireFieldsOf(row, payload),
    receipt: row.receipt,
    ackBy: iso(row.ackBy),
  }
}
