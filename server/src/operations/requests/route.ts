import { CoordinationError } from '@tony/mcp-shared/errors'
import { defaultMaxDeliver, rankOfMode } from '@tony/mcp-shared/messages'
import { rankOfPriority } from '@tony/mcp-shared/priorities'
import { requestMessageType, type requestRouteInput, type requestRouteOutput } from '@tony/mcp-shared/requests'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import { blockUntil } from '../../domain/blocking.ts'
import type { Context } from '../../domain/context.ts'
import { enqueueMessage } from '../../domain/messages/enqueue.ts'
import { actorOf } from '../../domain/principal.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { chooseRequestTarget } from './target.ts'
import { requestParticipantsOf, timeOutRequestIn } from './time-out.ts'

type Input = z.output<typeof requestRouteInput>
type Output = z.output<typeof requestRouteOutput>

interface NewRequest {
  requestId: string
  project: string
  method: string
  from: string | null
  to: string
  messageId: string
  deadlineAt: number
  now: number
}

const insertRequest = statement(({ db, t, p }: StatementParts<NewRequest>) =>
  db
    .insert(t.requests)
    .values({
      id: p.requestId,
      projectId: p.project,
      method: p.method,
      fromAgent: p.from,
      toAgent: p.to,
      messageId: p.messageId,
      createdAt: p.now,
      deadlineAt: p.deadlineAt,
    })
    .returning({ id: t.requests.id })
    .prepare(),
)

const findRequestStatus = statement(({ db, t, p }: StatementParts<{ requestId: string }>) =>
  db.select({ status: t.requests.status }).from(t.requests).where(eq(t.requests.id, p.requestId)).prepare(),
)

const findReply = statement(({ db, t, p }: StatementParts<{ requestId: string }>) =>
  db.select({ reply: t.requests.reply }).from(t.requests).where(eq(t.requests.id, p.requestId)).prepare(),
)

/** The stored part of a call. A repeat under the same idempotency key waits for the same reply. */
interface SentRequest {
  readonly requestId: string
  readonly agentId: string
  readonly deadlineAt: number
}

async function sendRequestIn(tx: Transaction, ctx: Context, input: Input): Promise<SentRequest> {
  const { method, params = null, target, timeoutMs } = input
  const { project } = ctx.principal
  const [requestId, from] = [uuidv7(), actorOf(ctx.principal)]
  const to = await chooseRequestTarget(tx, ctx, ctx.principal, { method, target })
  const deadlineAt = tx.now + timeoutMs
  const message = {
    project,
    from,
    fromIncarnation: ctx.principal.agent?.incarnation ?? null,
    to,
    type: requestMessageType,
    payload: JSON.stringify({ requestId, method, params }),
    bodyId: null,
    address: null,
    priority: rankOfPriority('high'),
    mode: rankOfMode('boundary'),
    threadId: null,
    replyTo: null,
    correlationId: requestId,
    taskId: null,
    expiresAt: deadlineAt,
    maxDeliver: defaultMaxDeliver,
  }
  const { messageId } = await enqueueMessage(tx, message, {
    maxPending: ctx.config.maxPending,
    whenFull: 'refuse',
    inboxes: ctx.waiters.inboxes,
  })
  await tx.run(insertRequest, { requestId, project, method, from, to, messageId, deadlineAt, now: tx.now })
  tx.append({
    type: 'request.routed',
    subject: requestId,
    actor: from,
    audience: requestParticipantsOf(from, to),
    data: { method, from, to, messageId },
  })
  return { requestId, agentId: to, deadlineAt }
}

type ReplyOutcome = { readonly result: unknown } | { readonly error: NonNullable<Output['error']> }

function toOutput({ requestId, agentId }: SentRequest, reply: string): Output {
  const outcome: ReplyOutcome = JSON.parse(reply)
  if ('error' in outcome) return { requestId, agentId, ok: false, result: null, error: outcome.error }
  return { requestId, agentId, ok: true, result: outcome.result, error: null }
}

async function waitForReply(ctx: Context, request: SentRequest): Promise<Output> {
  const { requestId, deadlineAt } = request
  const { project } = ctx.principal
  while (!ctx.signal.aborted) {
    const rows = await blockUntil({
      ctx,
      waitMs: Math.max(1, deadlineAt - ctx.now()),
      subscribe: (notify) => ({ beforeAttempt: () => undefined, leave: ctx.waiters.replies.watch(requestId, notify) }),
      // Not `ctx.read`: the call would keep its page slot while it waits.
      attempt: () => ctx.store.read((reader) => reader.run(findRequestStatus, { requestId })),
      isFound: ([row]) => row?.status !== 'waiting',
    })
    if (ctx.signal.aborted) break
    // At the deadline the request times out, unless the store has a reply whose notification was
    // lost. Not with `ctx.transact`: under an idempotency key it would only return the reply that
    // the first transaction has stored. The timeout is no act of the caller either.
    const [row] =
      rows[0]?.status === 'waiting'
        ? await ctx.store.transact({ project }, (tx) =>
            timeOutRequestIn(tx, requestId).then(() => tx.run(findRequestStatus, { requestId })),
          )
        : rows
    if (!row) throw new Error(`request ${requestId} does not exist any more`)
    const [found] = await ctx.read((reader) => reader.run(findReply, { requestId }))
    if (found?.reply != null) return toOutput(request, found.reply)
    if (row.status === 'timed_out') break
  }
  throw new CoordinationError('DEADLINE_EXCEEDED', `no reply to request ${requestId} before its deadline`)
}

/**
 * `requests.route`: sends a request to an agent's inbox, and waits for the reply outside any
 * transaction.
 */
export async function routeRequest(ctx: Context, input: Input): Promise<Output> {
  return waitForReply(ctx, await ctx.transact((tx) => sendRequestIn(tx, ctx, input)))
}
