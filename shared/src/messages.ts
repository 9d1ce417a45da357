import { z } from 'zod'
import { errorCodes } from './errors.ts'
import { id, idempotencyKey, json, pageLimit, timestamp, waitMs, word } from './ids.ts'
import { canonicalPriority, priority } from './priorities.ts'

export const messageStatuses = ['pending', 'delivered', 'acked', 'dead', 'expired'] as const
export type MessageStatus = (typeof messageStatuses)[number]

/**
 * The legal moves of a message in one agent's inbox. One of a fan-out to a full mailbox begins as `dead`; purging a dead one
 * removes it.
 */
export const messageTransitions = {
  deliver: { from: ['pending'], to: 'delivered' },
  inProgress: { from: ['delivered'], to: 'delivered' },
  ack: { from: ['delivered'], to: 'acked' },
  /** The answer to a request is its ack. */
  answer: { from: ['pending', 'delivered'], to: 'acked' },
  nak: { from: ['delivered'], to: 'pending' },
  redeliver: { from: ['delivered'], to: 'pending' },
  bury: { from: ['delivered'], to: 'dead' },
  term: { from: ['delivered'], to: 'dead' },
  expire: { from: ['pending'], to: 'expired' },
  redrive: { from: ['dead'], to: 'pending' },
} as const satisfies Record<string, { from: readonly MessageStatus[]; to: MessageStatus }>

export type MessageTransition = keyof typeof messageTransitions

/** How long a delivery waits for its ack before it is delivered again, in milliseconds: 1 000 to 600 000. */
export const ackWaitMs = z.int().min(1_000).max(600_000)
export const defaultAckWaitMs = 30_000
export const defaultMaxDeliver = 5

/** Backoff between deliveries of one message: exponential with full jitter. */
export const redeliveryPolicy = { initialIntervalMs: 500, backoffCoefficient: 2, maximumIntervalMs: 60_000 } as const

/** How many messages an agent's mailbox holds that are neither acked nor dead, unless the server is set otherwise. */
export const defaultMaxPending = 10_000

/** The last so much of a mailbox is for `critical` messages: 5 %. */
export const criticalShare = 0.05

/**
 * When a message interrupts an agent that is a model in a host, most urgent first. `steer`: at the next thing it hears of us, and
 * it ends a wait. `boundary`: between two steps of its work. `turnEnd`: when its turn ends. `digest`: with others, when its next
 * turn begins. An inbox that is read shows them all.
 */
export const deliveryModes = ['steer', 'boundary', 'turnEnd', 'digest'] as const
export type DeliveryMode = (typeof deliveryModes)[number]
const deliveryMode = z.enum(deliveryModes)

/** 0 for `steer` to 3 for `digest`. */
export const rankOfMode = (mode: DeliveryMode): number => deliveryModes.indexOf(mode)

export const modeOfRank = (rank: number): DeliveryMode => deliveryModes[rank] ?? 'boundary'

/** A topic agents subscribe to. 1–128 characters, no control characters, no `*`. */
export const topic = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}*]+$/u, 'must not contain control characters or "*"')

const outgoing = {
  /**
   * An agent's id or name; `topic:<topic>` for its subscribers, `role:<role>` for every agent of a role, `*` for every
   * agent of the project, each without the sender.
   */
  to: z.string().min(1).max(160),
  type: word,
  /** Any JSON; at most what fits the frame. */
  payload: json,
  priority: priority.default('normal'),
  /** When it interrupts a model that works; programs get it at once. */
  mode: deliveryMode.default('boundary'),
  threadId: z.string().min(1).max(128).optional(),
  /** Id of the message this one answers. */
  replyTo: id.optional(),
  correlationId: z.string().min(1).max(128).optional(),
  /** Id of the task the message is about. */
  taskId: id.optional(),
  /** How long it may wait to be delivered, in milliseconds: 1 000 to 2 592 000 000 (30 days); then it is `expired`. Default: for ever. */
  ttlMs: z.int().min(1_000).max(2_592_000_000).optional(),
  /** Deliveries before it becomes a dead letter: 1–100, default 5. */
  maxDeliver: z.int().min(1).max(100).default(defaultMaxDeliver),
}

export const messageSendInput = z.strictObject({ ...outgoing, idempotencyKey: idempotencyKey.optional() })

export const messageSendOutput = z.object({
  /** The message's id; of a fan-out, the id its copies share as `bodyId`. */
  id,
  /**
   * One entry for each inbox it went to. `dead`: that mailbox was full, and the copy is a dead letter. A direct message to a
   * full mailbox is refused instead, with `INBOX_FULL`.
   */
  recipients: z.array(z.object({ agentId: id, messageId: id, status: z.enum(['pending', 'dead']) })),
})

/** Why one item of a batch was refused; the others are not. */
export const itemError = z.object({ code: z.enum(errorCodes), message: z.string() })

/** 1–100 messages in one transaction, each with its own result. */
export const messageSendManyInput = z.strictObject({
  messages: z.array(z.strictObject(outgoing)).min(1).max(100),
  idempotencyKey: idempotencyKey.optional(),
})
/** In the order of the input: exactly one of `sent` and `error` is not null. */
export const messageSendManyOutput = z.object({
  results: z.array(z.object({ sent: messageSendOutput.nullable(), error: itemError.nullable() })),
})

/** One message in one agent's inbox. */
export const message = z.object({
  id,
  /** Null for the developer in dev mode. */
  from: id.nullable(),
  /** Id of the recipient. */
  to: id,
  /** What it was addressed to, where that was not the recipient alone: `topic:…`, `role:…` or `*`. */
  address: z.string().nullable(),
  /** What the copies of a fan-out share. */
  bodyId: id.nullable(),
  type: word,
  payload: json,
  priority: canonicalPriority,
  mode: deliveryMode,
  status: z.enum(messageStatuses),
  threadId: z.string().nullable(),
  replyTo: id.nullable(),
  correlationId: z.string().nullable(),
  taskId: id.nullable(),
  sentAt: timestamp,
  expiresAt: timestamp.nullable(),
  /** When it was handed out last. */
  deliveredAt: timestamp.nullable(),
  /** When its recipient first said that it was put before a model. */
  shownAt: timestamp.nullable(),
  /** When it was acked, or became dead or expired. */
  endedAt: timestamp.nullable(),
  /** Deliveries so far, since the last redrive. */
  attempt: z.int(),
  maxDeliver: z.int(),
  /** How often it was redriven. */
  redrives: z.int(),
  lastError: z.string().nullable(),
})

/** A message handed to its recipient, with the receipt that acks it. */
export const delivery = message
  .pick({
    id: true,
    from: true,
    to: true,
    address: true,
    type: true,
    payload: true,
    priority: true,
    mode: true,
    threadId: true,
    replyTo: true,
    correlationId: true,
    taskId: true,
    sentAt: true,
    expiresAt: true,
    attempt: true,
    maxDeliver: true,
    redrives: true,
  })
  .extend({
    /** Good until the delivery is taken back, which is `ackBy` or up to 250 ms later. */
    receipt: z.string(),
    /** Without an ack by then the message is taken back, and delivered again after a wait or `dead`. */
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
  /** The least urgent mode that is handed out; what is less urgent stays. Default: all are. */
  upTo: deliveryMode.default('digest'),
  maxAckPending,
  ackWaitMs: ackWaitMs.default(defaultAckWaitMs),
})
export const messageReceiveOutput = z.object({ messages: z.array(delivery) })

const receipt = { messageId: id, receipt: z.string().min(1).max(64) }

/** One delivery, or up to 200 at once in `acks`. */
export const messageAckInput = z.union([
  z.strictObject(receipt),
  z.strictObject({ acks: z.array(z.strictObject(receipt)).min(1).max(200) }),
])
/** Of one delivery its id and status; of several, `results` in the order of the input. */
export const messageAckOutput = z.object({
  messageId: id.optional(),
  status: z.enum(messageStatuses).optional(),
  results: z
    .array(z.object({ messageId: id, status: z.enum(messageStatuses).nullable(), error: itemError.nullable() }))
    .optional(),
})

/** What one change did to a message. */
export const messageMoved = z.object({ messageId: id, status: z.enum(messageStatuses) })

/** Not now: delivered again after a delay, or `dead` when this was the last delivery it had. */
export const messageNakInput = z.strictObject({
  ...receipt,
  /** How long until it is delivered again, in milliseconds: 0 to 86 400 000; default: backoff by the number of deliveries. */
  delayMs: z.int().min(0).max(86_400_000).optional(),
  error: z.string().max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/** Never: a dead letter at once, whatever deliveries it has left. */
export const messageTermInput = z.strictObject({
  ...receipt,
  error: z.string().max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/** Still at it: the delivery waits for its ack anew. */
export const messageInProgressInput = z.strictObject({
  ...receipt,
  ackWaitMs: ackWaitMs.default(defaultAckWaitMs),
  /** It has been put before a model; its sender is told, the first time. */
  shown: z.boolean().default(false),
})
export const messageInProgressOutput = z.object({ messageId: id, ackBy: timestamp })

/** Durable: holds over incarnations until it is taken back. At most 256 topics an agent. */
export const messageSubscribeInput = z.strictObject({ topic })
export const messageSubscribeOutput = z.object({
  topic,
  /** Every topic the caller is subscribed to now, sorted. */
  topics: z.array(topic),
})
export const topicsOfAgent = 256

export const messageGetInput = z.strictObject({ messageId: id })

/** The caller's own messages; a tech lead sees everyone's. Newest first. */
export const messageListInput = z.strictObject({
  /** `in`: received by the agent, `out`: sent by it. Default: both. */
  box: z.enum(['in', 'out']).optional(),
  /** Whose, by id or name: a tech lead's choice; for everyone else it is the caller. */
  agent: z.string().min(1).max(128).optional(),
  status: z.enum(messageStatuses).optional(),
  type: word.optional(),
  taskId: id.optional(),
  limit: pageLimit.default(100),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(64).optional(),
})
export const messageListOutput = z.object({ messages: z.array(message), nextCursor: z.string().nullable() })

/** What the caller sent or received in a thread, oldest first; a tech lead sees all of it. */
export const messageThreadInput = z.strictObject({
  threadId: z.string().min(1).max(128),
  limit: pageLimit.default(100),
  cursor: z.string().max(64).optional(),
})
