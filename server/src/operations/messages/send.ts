import { type messageSendInput, messageSendOutput, rankOfMode } from '@tony/mcp-shared/messages'
import { rankOfPriority } from '@tony/mcp-shared/priorities'
import { and, eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Context, ReplyCodec } from '../../domain/context.ts'
import { enqueueMessage } from '../../domain/messages/enqueue.ts'
import type { NewMessage } from '../../domain/messages/new-message.ts'
import { actorOf } from '../../domain/principal.ts'
import { taskNotFoundError } from '../../domain/tasks/lease.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { isFanOut, recipientsOf } from './recipients.ts'
import { requireVisibleMessage } from './visible.ts'

type OutgoingMessage = Omit<z.output<typeof messageSendInput>, 'idempotencyKey'>
type SendOutput = z.output<typeof messageSendOutput>

const findTaskId = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string }>) =>
  db
    .select({ id: t.tasks.id })
    .from(t.tasks)
    .where(and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project)))
    .prepare(),
)

const insertBody = statement(({ db, t, p }: StatementParts<{ id: string; payload: string }>) =>
  db.insert(t.bodies).values({ id: p.id, payload: p.payload }).returning({ id: t.bodies.id }).prepare(),
)

/**
 * Throws NOT_FOUND if the task or the message that a message refers to does not exist: its reader
 * could not notice that mistake.
 */
async function requireSubjects(tx: Transaction, ctx: Context, { taskId, replyTo }: OutgoingMessage): Promise<void> {
  if (replyTo !== undefined) await requireVisibleMessage(tx, ctx.principal, replyTo)
  if (taskId === undefined) return
  const [task] = await tx.run(findTaskId, { project: ctx.principal.project, taskId })
  if (!task) throw taskNotFoundError(taskId)
}

/** Returns a message without its recipient, which is set in a copy of it. */
function toNewMessage(tx: Transaction, ctx: Context, outgoing: OutgoingMessage): NewMessage {
  const { threadId = null, replyTo = null, correlationId = null, taskId = null, type, maxDeliver, ttlMs } = outgoing
  return {
    project: ctx.principal.project,
    from: actorOf(ctx.principal),
    fromIncarnation: ctx.principal.agent?.incarnation ?? null,
    to: '',
    type,
    payload: JSON.stringify(outgoing.payload) ?? 'null',
    bodyId: null,
    address: null,
    priority: rankOfPriority(outgoing.priority),
    mode: rankOfMode(outgoing.mode),
    threadId,
    replyTo,
    correlationId,
    taskId,
    expiresAt: ttlMs === undefined ? null : tx.now + ttlMs,
    maxDeliver,
  }
}

/** Adds a message to the inbox of every recipient. Refuses it before it writes anything. */
export async function sendIn(tx: Transaction, ctx: Context, outgoing: OutgoingMessage): Promise<SendOutput> {
  if (outgoing.replyTo !== undefined || outgoing.taskId !== undefined) await requireSubjects(tx, ctx, outgoing)
  const agentIds = await recipientsOf(tx, ctx.principal, outgoing.to)
  const message = toNewMessage(tx, ctx, outgoing)
  const shared = { maxPending: ctx.config.maxPending, inboxes: ctx.waiters.inboxes }
  const [first] = agentIds
  if (!isFanOut(outgoing.to) && first !== undefined) {
    const result = await enqueueMessage(tx, { ...message, to: first }, { ...shared, whenFull: 'refuse' })
    return { id: result.messageId, recipients: [{ agentId: first, ...result }] }
  }
  const bodyId = uuidv7()
  if (first !== undefined) await tx.run(insertBody, { id: bodyId, payload: message.payload })
  const copy = { ...message, bodyId, address: outgoing.to }
  const recipients: SendOutput['recipients'] = []
  for (const agentId of agentIds) {
    recipients.push({
      agentId,
      ...(await enqueueMessage(tx, { ...copy, to: agentId }, { ...shared, whenFull: 'bury' })),
    })
  }
  return { id: bodyId, recipients }
}

/** The stored reply of a direct message: its id and recipient, a third of the whole reply. */
const storedSend = z.union([z.tuple([z.string(), z.string()]), messageSendOutput])

const sendReplyCodec: ReplyCodec<SendOutput> = {
  toStored: (reply) => {
    const [only, ...others] = reply.recipients
    const isDirect = only?.messageId === reply.id && only.status === 'pending' && others.length === 0
    return isDirect ? [reply.id, only.agentId] : reply
  },
  fromStored: async (_, stored) => {
    const kept = storedSend.parse(stored)
    if (!Array.isArray(kept)) return kept
    const [id, agentId] = kept
    return { id, recipients: [{ agentId, messageId: id, status: 'pending' }] }
  },
}

/**
 * `messages.send`: one row in each recipient's inbox. The payload of a fan-out is stored once,
 * apart from them. A fan-out runs alone in its batch: how full each inbox is, and so which copies
 * become dead letters, depends on the sends before it.
 */
export const sendMessage = (ctx: Context, input: z.output<typeof messageSendInput>): Promise<SendOutput> =>
  ctx.transact((tx) => sendIn(tx, ctx, input), {
    replay: sendReplyCodec,
    serialKeys: isFanOut(input.to) ? undefined : [],
  })
