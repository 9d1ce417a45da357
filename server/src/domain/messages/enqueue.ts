import { priorityOfRank } from '@tony/mcp-shared/priorities'
import { uuidv7 } from 'uuidv7'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import { hasRoom, inboxFull } from './capacity.ts'
import { noteFailure } from './failures.ts'
import { participantsOf } from './participants.ts'

/** One message for one inbox. */
export interface Letter {
  readonly project: string
  /** The sender; null for a developer in dev mode. */
  readonly from: string | null
  /** Id of the recipient. */
  readonly to: string
  readonly type: string
  /** As JSON; null where the payload is the body's. */
  readonly payload: string | null
  /** What the copies of a fan-out share. */
  readonly bodyId: string | null
  /** What a copy of a fan-out was addressed to. */
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

interface Row extends Letter {
  readonly id: string
  readonly status: 'pending' | 'dead'
  readonly ready: 1 | null
  readonly endedAt: number | null
  readonly lastError: string | null
  readonly now: number
}

const insert = statement(({ db, t, p }: Query<Row>) =>
  db
    .insert(t.messages)
    .values({
      id: p.id,
      projectId: p.project,
      fromAgent: p.from,
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
    .returning({ id: t.messages.id })
    .prepare(),
)

interface Posting {
  /** How many messages a mailbox holds that have not ended. */
  readonly maxPending: number
  /** A full mailbox refuses the message with INBOX_FULL, or gets it as a dead letter. */
  readonly whenFull: 'refuse' | 'bury'
}

interface Posted {
  readonly messageId: string
  readonly status: 'pending' | 'dead'
}

const full = 'inbox full'

/** Puts one message into one inbox. Nothing has been written when it throws INBOX_FULL. */
export async function post(tx: Transaction, letter: Letter, { maxPending, whenFull }: Posting): Promise<Posted> {
  const { from, to, type, priority, taskId, threadId } = letter
  const room = await hasRoom(tx, { agentId: to, priority, maxPending })
  if (!room && whenFull === 'refuse') throw inboxFull(to, maxPending)
  const messageId = uuidv7()
  const born = room
    ? { status: 'pending' as const, ready: 1 as const, endedAt: null, lastError: null }
    : { status: 'dead' as const, ready: null, endedAt: tx.now, lastError: full }
  await tx.run(insert, { ...letter, ...born, id: messageId, now: tx.now })
  const event = {
    subject: messageId,
    actor: from,
    taskId,
    threadId,
    audience: participantsOf({ fromAgent: from, toAgent: to }),
  }
  const sent = { messageId, from, to, type, priority: priorityOfRank(priority) }
  tx.append({ ...event, type: 'message.sent', data: sent })
  if (room) {
    tx.wake({ topic: 'inbox', agentId: to, because: 'mail' })
  } else {
    await noteFailure(tx, { messageId, redrives: 0, attempt: 0, reason: full, error: null })
    tx.append({ ...event, type: 'message.dead', data: { messageId, attempt: 0, reason: full, error: null } })
  }
  return { messageId, status: born.status }
}
