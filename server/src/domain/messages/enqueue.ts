import { rankOfMode } from '@tony/mcp-shared/messages'
import { priorityOfRank } from '@tony/mcp-shared/priorities'
import { uuidv7 } from '../../platform/uuid.ts'
import { rowlessStatement, type StatementParts, type Transaction } from '../../store/store.ts'
import { requestWake } from '../wakes/request-wake.ts'
import { inboxFullError, reserveCapacity } from './capacity.ts'
import { pushAfterCommit, tryDeliverAtSend } from './deliver-at-send.ts'
import { recordDeliveryFailure } from './failures.ts'
import type { InboxWaiters } from './inbox-waiters.ts'
import type { NewMessage } from './new-message.ts'
import { participantsOf } from './participants.ts'

/** The columns of a new message that depend on its inbox. */
interface InitialState {
  readonly status: 'pending' | 'delivered' | 'dead'
  readonly ready: 1 | null
  readonly deliveredAt: number | null
  readonly retryCount: 0 | 1
  readonly receipt: string | null
  readonly ackBy: number | null
  readonly endedAt: number | null
  readonly lastError: string | null
}

interface NewMessageRow extends Omit<NewMessage, 'payload'>, InitialState {
  readonly id: string
  readonly payload: string | null
  readonly now: number
}

const insertMessage = rowlessStatement(({ db, t, p }: StatementParts<NewMessageRow>) =>
  db
    .insert(t.messages)
    .values({
      id: p.id,
      projectId: p.project,
      fromAgent: p.from,
      fromIncarnation: p.fromIncarnation,
      toAgent: p.to,
      type: p.type,
      payload: p.payload,
      bodyId: p.bodyId,
      address: p.address,
      priority: p.priority,
      mode: p.mode,
      status: p.status,
      ready: p.ready,
      threadId: p.threadId,
      replyTo: p.replyTo,
      correlationId: p.correlationId,
      taskId: p.taskId,
      createdAt: p.now,
      deliveredAt: p.deliveredAt,
      retryCount: p.retryCount,
      receipt: p.receipt,
      ackBy: p.ackBy,
      expiresAt: p.expiresAt,
      endedAt: p.endedAt,
      lastError: p.lastError,
      maxDeliver: p.maxDeliver,
    })
    .prepare(),
)

const steerRank = rankOfMode('steer')

interface EnqueueOptions {
  /** The inbox capacity: the number of unsettled messages it accepts. */
  readonly maxPending: number
  /** A full inbox refuses the message with INBOX_FULL, or gets it as a dead letter. */
  readonly whenFull: 'refuse' | 'bury'
  /** The waiters of this process. */
  readonly inboxes: InboxWaiters
}

interface EnqueueResult {
  readonly messageId: string
  /** A message that is delivered at once counts as pending: it was so when it was accepted. */
  readonly status: 'pending' | 'dead'
}

const undelivered = { deliveredAt: null, retryCount: 0, receipt: null, ackBy: null } as const
const pendingState = { ...undelivered, status: 'pending', ready: 1, endedAt: null, lastError: null } as const

/** Adds one message to one inbox. Throws INBOX_FULL before it writes anything. */
export async function enqueueMessage(
  tx: Transaction,
  message: NewMessage,
  { maxPending, whenFull, inboxes }: EnqueueOptions,
): Promise<EnqueueResult> {
  const { from, to, type, priority, taskId, threadId, payload, bodyId } = message
  const hasSpace = await reserveCapacity(tx, { agentId: to, priority, maxPending })
  if (!hasSpace && whenFull === 'refuse') throw inboxFullError(to, maxPending)
  // The messages of a sender are numbered in the order in which it sent them.
  await tx.inOrder()
  const messageId = uuidv7()
  const inbox = hasSpace ? inboxes.openInboxOf(to) : undefined
  const delivery = inbox && (await tryDeliverAtSend(tx, inbox, payload))
  const state: InitialState = hasSpace
    ? { ...pendingState, ...(delivery && { ...delivery, status: 'delivered', ready: null, retryCount: 1 }) }
    : { ...pendingState, status: 'dead', ready: null, endedAt: tx.now, lastError: 'the inbox is full' }
  const row = { ...message, ...state, id: messageId, payload: bodyId === null ? payload : null, now: tx.now }
  await tx.run(insertMessage, row)
  const eventFields = {
    subject: messageId,
    actor: from,
    taskId,
    threadId,
    audience: participantsOf({ fromAgent: from, toAgent: to }),
  }
  const sent = { messageId, from, to, type, priority: priorityOfRank(priority) }
  tx.append({ ...eventFields, type: 'message.sent', data: sent })
  if (!hasSpace) {
    const failure = { messageId, attempt: 0, reason: 'inbox_full', error: null } as const
    await recordDeliveryFailure(tx, { ...failure, redrives: 0 })
    tx.append({ ...eventFields, type: 'message.dead', data: failure })
    return { messageId, status: 'dead' }
  }
  if (delivery) pushAfterCommit(tx, inbox, { id: messageId, message, columns: delivery })
  else tx.notify({ topic: 'inbox', agentId: to, reason: 'message' })
  if (message.mode === steerRank) {
    const wake = { reason: 'message', subject: messageId, attempt: 0, fromAgent: from, taskId } as const
    await requestWake(tx, { project: message.project, agentId: to, ...wake })
  }
  return { messageId, status: 'pending' }
}
