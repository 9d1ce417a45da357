import type { EventType } from '@tony/mcp-shared/event-words'
import { rankOfMode } from '@tony/mcp-shared/messages'
import { priorityOfRank } from '@tony/mcp-shared/priorities'
import { uuidv7 } from '../../platform/uuid.ts'
import { rowlessStatement, type StatementParts, type Transaction } from '../../store/store.ts'
import { requestWake } from '../wakes/request-wake.ts'
import { inboxFullError, reserveCapacity } from './capacity.ts'
import { pushAfterCommit, tryDeliverAtSend } from './deliver-at-send.ts'
import { recordDeliveryFailure } from './failures.ts'
import type { InboxWaiters } from './inbox-waiters.ts'
import type { InitialState, NewMessage } from './new-message.ts'
import { participantsOf } from './participants.ts'

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

/** Names each column: to spread three objects of this size takes as long as a lookup. */
const toRow = (id: string, now: number, message: NewMessage, state: InitialState): NewMessageRow => ({
  id,
  project: message.project,
  from: message.from,
  fromIncarnation: message.fromIncarnation,
  to: message.to,
  address: message.address,
  type: message.type,
  payload: message.bodyId === null ? message.payload : null,
  bodyId: message.bodyId,
  priority: message.priority,
  mode: message.mode,
  status: state.status,
  ready: state.ready,
  threadId: message.threadId,
  replyTo: message.replyTo,
  correlationId: message.correlationId,
  taskId: message.taskId,
  now,
  deliveredAt: state.deliveredAt,
  retryCount: state.retryCount,
  receipt: state.receipt,
  ackBy: state.ackBy,
  expiresAt: message.expiresAt,
  endedAt: state.endedAt,
  lastError: state.lastError,
  maxDeliver: message.maxDeliver,
})

/** Returns the event of a message without its data. */
const eventOf = (messageId: string, { from, to, taskId, threadId }: NewMessage, type: EventType, data: object) => ({
  type,
  subject: messageId,
  actor: from,
  taskId,
  threadId,
  audience: participantsOf({ fromAgent: from, toAgent: to }),
  data,
})

/** Records that a message to a full inbox is a dead letter. */
async function buryIn(tx: Transaction, messageId: string, message: NewMessage): Promise<EnqueueResult> {
  const failure = { messageId, attempt: 0, reason: 'inbox_full', error: null } as const
  await recordDeliveryFailure(tx, { ...failure, redrives: 0 })
  tx.append(eventOf(messageId, message, 'message.dead', failure))
  return { messageId, status: 'dead' }
}

/** Adds one message to one inbox. Throws INBOX_FULL before it writes anything. */
export async function enqueueMessage(
  tx: Transaction,
  message: NewMessage,
  { maxPending, whenFull, inboxes }: EnqueueOptions,
): Promise<EnqueueResult> {
  const { from, to, type, priority, taskId } = message
  const hasSpace = await reserveCapacity(tx, { agentId: to, priority, maxPending })
  if (!hasSpace && whenFull === 'refuse') throw inboxFullError(to, maxPending)
  // The messages of a sender are numbered in the order in which it sent them.
  await tx.inOrder()
  const messageId = uuidv7()
  const inbox = hasSpace ? inboxes.openInboxOf(to) : undefined
  const delivery = inbox && (await tryDeliverAtSend(tx, inbox, message.payload))
  const state: InitialState = hasSpace
    ? (delivery ?? pendingState)
    : { ...pendingState, status: 'dead', ready: null, endedAt: tx.now, lastError: 'the inbox is full' }
  await tx.run(insertMessage, toRow(messageId, tx.now, message, state))
  const sent = { messageId, from, to, type, priority: priorityOfRank(priority) }
  tx.append(eventOf(messageId, message, 'message.sent', sent))
  if (!hasSpace) return buryIn(tx, messageId, message)
  if (delivery) pushAfterCommit(tx, inbox, { id: messageId, message, delivery })
  else tx.notify({ topic: 'inbox', agentId: to, reason: 'message' })
  if (message.mode === steerRank) {
    const wake = { reason: 'message', subject: messageId, attempt: 0, fromAgent: from, taskId } as const
    await requestWake(tx, { project: message.project, agentId: to, ...wake })
  }
  return { messageId, status: 'pending' }
}
