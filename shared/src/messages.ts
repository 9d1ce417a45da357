import { z } from 'zod'
import { id, idempotencyKey, json, timestamp, waitMs, word } from './ids.ts'
import { canonicalPriority, priority } from './priorities.ts'

export const messageStatuses = ['pending', 'delivered', 'acked', 'dead', 'expired'] as const
export type MessageStatus = (typeof messageStatuses)[number]

/** The legal moves of a message in one agent's inbox. */
export const messageTransitions = {
  deliver: { from: ['pending'], to: 'delivered' },
  ack: { from: ['delivered'], to: 'acked' },
  nak: { from: ['delivered'], to: 'pending' },
  redeliver: { from: ['delivered'], to: 'pending' },
  bury: { from: ['delivered'], to: 'dead' },
} as const satisfies Record<string, { from: readonly MessageStatus[]; to: MessageStatus }>

/** How long a delivery waits for its ack before it is delivered again, in milliseconds: 1 000 to 600 000. */
export const ackWaitMs = z.int().min(1_000).max(600_000)
export const defaultAckWaitMs = 30_000
export const defaultMaxDeliver = 5

/** Backoff between deliveries of one message: exponential with full jitter. */
export const redeliveryPolicy = { initialIntervalMs: 500, backoffCoefficient: 2, maximumIntervalMs: 60_000 } as const

export const messageSendInput = z.strictObject({
  /** An agent's id or name, `role:<role>` for every agent of a role, or `*` for every other agent of the project. */
  to: z.string().min(1).max(160),
  type: word,
  /** Any JSON; at most what fits the frame. */
  payload: json,
  priority: priority.default('normal'),
  threadId: z.string().min(1).max(128).optional(),
  /** Id of the message this one answers. */
  replyTo: id.optional(),
  correlationId: z.string().min(1).max(128).optional(),
  /** Id of the task the message is about. */
  taskId: id.optional(),
  /** Deliveries before it becomes a dead letter: 1–100, default 5. */
  maxDeliver: z.int().min(1).max(100).default(defaultMaxDeliver),
  idempotencyKey: idempotencyKey.optional(),
})

export const messageSendOutput = z.object({
  /** The message's id; of a fan-out, the id its copies share as `bodyId`. */
  id,
  /** One entry for each inbox it went to. */
  recipients: z.array(z.object({ agentId: id, messageId: id })),
})

/** A message handed to its recipient, with the receipt that acks it. */
export const delivery = z.object({
  id,
  from: id.nullable(),
  to: id,
  type: word,
  payload: json,
  priority: canonicalPriority,
  threadId: z.string().nullable(),
  replyTo: id.nullable(),
  correlationId: z.string().nullable(),
  taskId: id.nullable(),
  sentAt: timestamp,
  /** 1 for the first delivery. */
  attempt: z.int(),
  maxDeliver: z.int(),
  /** Valid until `ackBy`, or until the message is delivered again. */
  receipt: z.string(),
  ackBy: timestamp,
})

/** How many deliveries may wait for their ack at once: 1–1 000, default 100; ten more for `critical`. */
const maxAckPending = z.int().min(1).max(1_000).default(100)

export const messageInboxInput = z.strictObject({
  maxAckPending,
  ackWaitMs: ackWaitMs.default(defaultAckWaitMs),
  lastEventId: z.string().max(200).optional(),
})

export const messageReceiveInput = z.strictObject({
  /** 1–100, default 10. */
  limit: z.int().min(1).max(100).default(10),
  waitMs: waitMs.default(0),
  maxAckPending,
  ackWaitMs: ackWaitMs.default(defaultAckWaitMs),
})
export const messageReceiveOutput = z.object({ messages: z.array(delivery) })

const receipt = { messageId: id, receipt: z.string().min(1).max(64) }

export const messageAckInput = z.strictObject(receipt)
export const messageAckOutput = z.object({ messageId: id, status: z.enum(messageStatuses) })

export const messageNakInput = z.strictObject({
  ...receipt,
  /** How long until it is delivered again, in milliseconds: 0 to 86 400 000; default: backoff by the number of deliveries. */
  delayMs: z.int().min(0).max(86_400_000).optional(),
  error: z.string().max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const messageNakOutput = z.object({
  messageId: id,
  /** `dead` when this was the last delivery it had. */
  status: z.enum(messageStatuses),
})
