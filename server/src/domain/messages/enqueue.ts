import { rankOfMode } from '@tony/mcp-shared/messages'
import { priorityOfRank } from '@tony/mcp-shared/priorities'
import { uuidv7 } from '../../platform/uuid.ts'
import { rowlessStatement, type StatementParts, type Transaction } from '../../store/store.ts'
import { requestWake } from '../wakes/request-wake.ts'
import { inboxFullError, reserveCapacity } from './capacity.ts'
import { recordDeliveryFailure } from './failures.ts'
import { participantsOf } from './participants.ts'

/** One message for one inbox. */
export interface NewMessage {
  readonly project: string
  /** The sender; null for a developer in dev mode. */
  readonly from: string | null
  /** The incarnation of the sender; null without an agent. */
  readonly fromIncarnation: number | null
  /** Id of the recipient. */
  readonly to: string
  readonly type: string
  /** As JSON; null for a copy of a fan-out, whose payload is in the common body. */
  readonly payload: string | null
  /** The common body of a fan-out's copies; null for a single message. */
  readonly bodyId: string | null
  /** The address of a fan-out, such as a topic or a role; null for a single message. */
  readonly address: string | null
  /** Rank of its priority. */
  readonly priority: number
  /** Rank of its delivery mode. */
  readonly mode: number
  readonly threadId: string | null
  readonly replyTo: string | null
  readonly correlationId: string | null
  readonly taskId: string | null
  readonly expiresAt: number | null
  readonly maxDeliver: number
}

interface NewMessageRow extends NewMessage {
  readonly id: string
  readonly status: 'pending' | 'dead'
  readonly ready: 1 | null
  readonly endedAt: number | null
  readonly lastError: string | null
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
}

interface EnqueueResult {
  readonly messageId: string
  readonly status: 'pending' | 'dead'
}

/** Adds one message to one inbox. Throws INBOX_FULL before it writes anything. */
export async function enqueueMessage(
  tx: Transaction,
  message: NewMessage,
  { maxPending, whenFull }: EnqueueOptions,
): Promise<EnqueueResult> {
  const { from, to, type, priority, taskId, threadId } = message
  const hasSpace = await reserveCapacity(tx, { agentId: to, priority, maxPending })
  if (!hasSpace && whenFull === 'refuse') throw inboxFullError(to, maxPending)
  // The messages of a sender are numbered in the order in which it sent them.
  await tx.inOrder()
  const messageId = uuidv7()
  const state = hasSpace
    ? { status: 'pending' as const, ready: 1 as const, endedAt: null, lastError: null }
    : { status: 'dead' as const, ready: null, endedAt: tx.now, lastError: 'the inbox is full' }
  await tx.run(insertMessage, { ...message, ...state, id: messageId, now: tx.now })
  const eventFields = {
    subject: messageId,
    actor: from,
    taskId,
    threadId,
    audience: participantsOf({ fromAgent: from, toAgent: to }),
  }
  const sent = { messageId, from, to, type, priority: priorityOfRank(priority) }
  tx.append({ ...eventFields, type: 'message.sent', data: sent })
  if (hasSpace) {
    tx.notify({ topic: 'inbox', agentId: to, reason: 'message' })
    if (message.mode === steerRank) {
      const wake = { reason: 'message', subject: messageId, attempt: 0, fromAgent: from, taskId } as const
      await requestWake(tx, { project: message.project, agentId: to, ...wake })
    }
  } else {
    const failure = { messageId, attempt: 0, reason: 'inbox_full', error: null } as const
    await recordDeliveryFailure(tx, { ...failure, redrives: 0 })
    tx.append({ ...eventFields, type: 'message.dead', data: failure })
  }
  return { messageId, status: state.status }
}
