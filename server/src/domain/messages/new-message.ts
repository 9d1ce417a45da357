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
  /** As JSON. The payload of a fan-out is stored once, in the common body of its copies. */
  readonly payload: string
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

/** The columns of a new message that depend on its inbox. */
export interface InitialState {
  readonly status: 'pending' | 'delivered' | 'dead'
  readonly ready: 1 | null
  readonly deliveredAt: number | null
  readonly retryCount: 0 | 1
  readonly receipt: string | null
  readonly ackBy: number | null
  readonly endedAt: number | null
  readonly lastError: string | null
}
