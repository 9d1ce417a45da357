import { CoordinationError } from '@tony/mcp-shared/errors'
import type { requestReplyInput, requestReplyOutput } from '@tony/mcp-shared/requests'
import { and, eq, isNull, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { equalsLiteral, inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { requestParticipantsOf, timeOutRequestIn } from './time-out.ts'

type Input = z.output<typeof requestReplyInput>

const storeReply = statement(({ db, t, p }: StatementParts<{ requestId: string; agentId: string; reply: string }>) =>
  db
    .update(t.requests)
    .set({
      reply: p.reply,
      // A late reply is stored, but the request keeps the status that its caller has received.
      status: sql`case when ${equalsLiteral(t.requests.status, 'waiting')} then 'replied' else ${t.requests.status} end`,
    })
    .where(and(eq(t.requests.id, p.requestId), eq(t.requests.toAgent, p.agentId), isNull(t.requests.reply)))
    .returning({
      method: t.requests.method,
      from: t.requests.fromAgent,
      messageId: t.requests.messageId,
      status: t.requests.status,
    })
    .prepare(),
)

const findReceivedRequest = statement(({ db, t, p }: StatementParts<{ requestId: string; agentId: string }>) =>
  db
    .select({ status: t.requests.status })
    .from(t.requests)
    .where(and(eq(t.requests.id, p.requestId), eq(t.requests.toAgent, p.agentId)))
    .prepare(),
)

/** The receipt stays: a later ack with it counts as a repeat of this one. */
const ackRequestMessage = statement(({ db, t, p }: StatementParts<{ messageId: string; now: number }>) =>
  db
    .update(t.messages)
    .set({ status: 'acked', ready: null, notBefore: null, ackBy: null, endedAt: p.now })
    .where(and(eq(t.messages.id, p.messageId), inLiterals(t.messages.status, ['pending', 'delivered'])))
    .returning({ retryCount: t.messages.retryCount })
    .prepare(),
)

/**
 * Acks the message of the request, pending or delivered. A dead or expired message has ended
 * before.
 */
async function ackRequestMessageIn(
  tx: Transaction,
  agentId: string,
  { messageId, from }: { messageId: string; from: string | null },
) {
  const [row] = await tx.run(ackRequestMessage, { messageId, now: tx.now })
  if (!row) return
  tx.append({
    type: 'message.acked',
    subject: messageId,
    actor: agentId,
    audience: requestParticipantsOf(from, agentId),
    data: { messageId, attempt: row.retryCount },
  })
  tx.notify({ topic: 'inbox', agentId, reason: 'capacity' })
}

async function refuseReply(tx: Transaction, requestId: string, agentId: string): Promise<never> {
  const [known] = await tx.run(findReceivedRequest, { requestId, agentId })
  if (!known) throw new CoordinationError('NOT_FOUND', `Request ${requestId} not found`)
  throw new CoordinationError('ILLEGAL_TRANSITION', `request ${requestId} already has a reply: the first reply stays`, {
    status: known.status,
  })
}

/**
 * `requests.reply`: the reply of the recipient, once. It acks the request's message in the same
 * transaction.
 */
export function replyToRequest(ctx: Context, input: Input): Promise<z.output<typeof requestReplyOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const { requestId, result = null, error } = input
  const reply = JSON.stringify(error === undefined ? { result } : { error })
  return ctx.transact(async (tx) => {
    // Also before the sweep: the clock decides if the reply is in time, not the run of a sweep.
    await timeOutRequestIn(tx, requestId)
    const [row] = await tx.run(storeReply, { requestId, agentId, reply })
    if (!row) return refuseReply(tx, requestId, agentId)
    await ackRequestMessageIn(tx, agentId, row)
    const inTime = row.status === 'replied'
    tx.append({
      type: 'request.replied',
      subject: requestId,
      actor: agentId,
      audience: requestParticipantsOf(row.from, agentId),
      data: { method: row.method, ok: error === undefined, inTime },
    })
    tx.notify({ topic: 'reply', requestId })
    return { requestId, inTime }
  })
}
