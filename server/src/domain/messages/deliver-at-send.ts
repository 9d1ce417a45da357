import { eq, sql } from 'drizzle-orm'
import { randomToken } from '../../platform/random.ts'
import { type Fence, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import type { InitialState, NewMessage } from './new-message.ts'

/** The columns of a new message that keep their names. */
type SentColumns = Omit<NewMessage, 'project' | 'from' | 'to' | 'bodyId'>

/** A message that its send has stored as delivered, with the names of its columns. */
export interface DeliveredMessage extends SentColumns {
  readonly id: string
  readonly fromAgent: string | null
  readonly toAgent: string
  readonly createdAt: number
  readonly retryCount: number
  readonly redrives: number
  readonly receipt: string
  readonly ackBy: number
}

/** A subscription to an inbox, as a send sees it. */
export interface OpenInbox {
  readonly agentId: string
  /** The session of the subscriber: the fence of its own transactions. */
  readonly session: Extract<Fence, { sessionId: string }>
  readonly maxAckPending: number
  readonly ackWaitMs: number
  /** True while it waits for a message, and nothing that it has taken is left to send. */
  readonly isWaiting: boolean
  /** Notes that a transaction is about to deliver a message. The transaction may be rolled back. */
  expect(messageId: string): void
  /** Takes a message after the commit. */
  push(message: DeliveredMessage): void
}

/**
 * Limits of deliveries at a send. The messages of one commit wait for the socket together, so they
 * bound its memory: at most 64 unacked deliveries of 16 KiB.
 */
const limits = { unacked: 64, payloadCharacters: 16_384 } as const

interface InboxStateParams {
  agentId: string
  sessionId: string
}

const findInboxState = statement(({ db, t, p }: StatementParts<InboxStateParams>) =>
  db
    .select({
      agentId: t.agents.id,
      incarnation: t.agents.incarnation,
      status: t.agents.status,
      paused: sql<number>`${t.agents.pausedAt} is not null or ${t.projects.pausedAt} is not null`,
      revokedAt: t.sessions.revokedAt,
      pending: t.mailboxes.pending,
      delivered: t.mailboxes.delivered,
    })
    .from(t.sessions)
    .innerJoin(t.agents, eq(t.agents.id, t.sessions.agentId))
    .innerJoin(t.projects, eq(t.projects.id, t.agents.projectId))
    .innerJoin(t.mailboxes, eq(t.mailboxes.agentId, p.agentId))
    .where(eq(t.sessions.id, p.sessionId))
    .prepare(),
)

/**
 * Returns true if the subscriber may get a new message now, by the same conditions as its own
 * transaction would check. No message may be pending: an older one has precedence, also if it waits
 * for its redelivery, its expiry or the end of a pause.
 */
async function acceptsIn(tx: Transaction, { agentId, session, maxAckPending }: OpenInbox): Promise<boolean> {
  const [state] = await tx.run(findInboxState, { agentId, sessionId: session.sessionId })
  if (state?.agentId !== agentId || state.status === 'unregistered' || state.paused === 1) return false
  if (state.incarnation !== session.incarnation || state.revokedAt !== null) return false
  return state.pending === 0 && state.delivered < Math.min(maxAckPending, limits.unacked)
}

/** The columns of a message that is stored as delivered. */
interface DeliveredState extends InitialState {
  readonly receipt: string
  readonly ackBy: number
}

/**
 * Decides if a send stores its message as delivered. That saves the transaction of the subscriber,
 * which writes the row a second time. `inbox` is the only reader of its agent in this process, and
 * no other process writes. Returns undefined if the message stays pending.
 */
export async function tryDeliverAtSend(
  tx: Transaction,
  inbox: OpenInbox | undefined,
  payload: string,
): Promise<DeliveredState | undefined> {
  if (!(inbox && tx.isSoleWriter) || payload.length > limits.payloadCharacters) return undefined
  if (!(await acceptsIn(tx, inbox))) return undefined
  return {
    status: 'delivered',
    ready: null,
    deliveredAt: tx.now,
    retryCount: 1,
    receipt: randomToken(12),
    ackBy: tx.now + inbox.ackWaitMs,
    endedAt: null,
    lastError: null,
  }
}

interface SentMessage {
  readonly id: string
  readonly message: NewMessage
  readonly delivery: DeliveredState
}

const toDeliveredMessage = ({ id, message, delivery }: SentMessage, createdAt: number): DeliveredMessage => ({
  id,
  fromAgent: message.from,
  fromIncarnation: message.fromIncarnation,
  toAgent: message.to,
  address: message.address,
  type: message.type,
  payload: message.payload,
  priority: message.priority,
  mode: message.mode,
  threadId: message.threadId,
  replyTo: message.replyTo,
  correlationId: message.correlationId,
  taskId: message.taskId,
  createdAt,
  expiresAt: message.expiresAt,
  retryCount: delivery.retryCount,
  maxDeliver: message.maxDeliver,
  redrives: 0,
  receipt: delivery.receipt,
  ackBy: delivery.ackBy,
})

/** Passes a message to its subscriber after the commit. */
export function pushAfterCommit(tx: Transaction, inbox: OpenInbox, sent: SentMessage): void {
  const { now } = tx
  inbox.expect(sent.id)
  tx.notify({ topic: 'delivery', push: () => inbox.push(toDeliveredMessage(sent, now)) })
}
