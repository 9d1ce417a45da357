import { z } from 'zod'
import { errorCodes } from './errors.ts'
import { id, idempotencyKey, json, pageLimit, timestamp, waitMs, word } from './ids.ts'
import { canonicalPriority, priority } from './priorities.ts'
import { messageWake } from './wakes.ts'

export const messageStatuses = ['pending', 'delivered', 'acked', 'dead', 'expired'] as const
export type MessageStatus = (typeof messageStatuses)[number]

/**
 * The legal transitions of a message in one inbox. A fan-out's copy for a full inbox begins as
 * `dead`; a purge deletes a dead message.
 */
export const messageTransitions = {
  deliver: { from: ['pending'], to: 'delivered' },
  inProgress: { from: ['delivered'], to: 'delivered' },
  ack: { from: ['delivered'], to: 'acked' },
  /** The reply to a request acks its message. */
  answer: { from: ['pending', 'delivered'], to: 'acked' },
  nak: { from: ['delivered'], to: 'pending' },
  redeliver: { from: ['delivered'], to: 'pending' },
  bury: { from: ['delivered'], to: 'dead' },
  term: { from: ['delivered'], to: 'dead' },
  expire: { from: ['pending'], to: 'expired' },
  redrive: { from: ['dead'], to: 'pending' },
} as const satisfies Record<string, { from: readonly MessageStatus[]; to: MessageStatus }>

export type MessageTransition = keyof typeof messageTransitions

/**
 * Time until a delivery without an ack is redelivered, in milliseconds: 1 000 to 600 000, default
 * 30 000.
 */
export const ackWaitMs = z.int().min(1_000).max(600_000)
export const defaultAckWaitMs = 30_000
export const defaultMaxDeliver = 5

/** Backoff between the deliveries of a message: exponential with full jitter. */
export const redeliveryPolicy = { initialIntervalMs: 500, backoffCoefficient: 2, maximumIntervalMs: 60_000 } as const

/** Default inbox capacity, in messages that are `pending` or `delivered`. */
export const defaultMaxPending = 10_000

/** Share of the inbox capacity that is reserved for `critical` messages: 5 %. */
export const criticalShare = 0.05

/**
 * The point at which a recipient that is a model sees a message, most urgent first. `steer`: with
 * the next output of the server; it also ends a wait. `boundary`: between two steps of its work.
 * `turn_end`: when its turn ends. `digest`: with others, when its next turn begins. Reading the
 * inbox shows messages of all modes.
 */
export const deliveryModes = ['steer', 'boundary', 'turn_end', 'digest'] as const
export type DeliveryMode = (typeof deliveryModes)[number]
const deliveryMode = z.enum(deliveryModes)

/** Returns 0 for `steer` to 3 for `digest`. */
export const rankOfMode = (mode: DeliveryMode): number => deliveryModes.indexOf(mode)

export const modeOfRank = (rank: number): DeliveryMode => deliveryModes[rank] ?? 'boundary'

/** A topic that agents subscribe to: 1–128 characters, no control characters, no `*`. */
export const topic = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}*]+$/u, 'must not contain control characters or "*"')

const outgoingMessageFields = {
  /**
   * Id or name of an agent; `topic:<topic>` for its subscribers, `role:<role>` for every agent with
   * the role, `*` for every agent of the project, each without the sender.
   */
  to: z.string().min(1).max(160),
  type: word,
  /** Any JSON that fits into the frame. */
  payload: json,
  priority: priority.default('normal'),
  /** Delivery mode for a model; programs get the message at once. Default `boundary`. */
  mode: deliveryMode.default('boundary'),
  threadId: z.string().min(1).max(128).optional(),
  /** Id of the message that this one answers. */
  replyTo: id.optional(),
  correlationId: z.string().min(1).max(128).optional(),
  /** Id of the task the message is about. */
  taskId: id.optional(),
  /**
   * Longest wait for a delivery, in milliseconds: 1 000 to 2 592 000 000 (30 days). The message
   * then is `expired`. Default: no limit.
   */
  ttlMs: z.int().min(1_000).max(2_592_000_000).optional(),
  /** Number of deliveries before it becomes a dead letter: 1–100, default 5. */
  maxDeliver: z.int().min(1).max(100).default(defaultMaxDeliver),
}

export const messageSendInput = z.strictObject({ ...outgoingMessageFields, idempotencyKey: idempotencyKey.optional() })

export const messageSendOutput = z.object({
  /** Id of the message; for a fan-out, the `bodyId` of its copies. */
  id,
  /**
   * One entry for each inbox. `dead`: the inbox was full, so the copy is a dead letter. A direct
   * message to a full inbox fails with `INBOX_FULL` instead.
   */
  recipients: z.array(z.object({ agentId: id, messageId: id, status: z.enum(['pending', 'dead']) })),
})

/** The error of one item of a batch. It does not affect the other items. */
export const itemError = z.object({ code: z.enum(errorCodes), message: z.string() })

/** Sends 1–100 messages, each in a transaction of its own and with its own result. */
export const messageSendManyInput = z.strictObject({
  messages: z.array(z.strictObject(outgoingMessageFields)).min(1).max(100),
  idempotencyKey: idempotencyKey.optional(),
})
/** In the order of the input. Exactly one of `sent` and `error` is not null. */
export const messageSendManyOutput = z.object({
  results: z.array(z.object({ sent: messageSendOutput.nullable(), error: itemError.nullable() })),
})

/** One message in one agent's inbox. */
export const message = z.object({
  id,
  /** Id of the sender; null for the developer in dev mode. */
  from: id.nullable(),
  /** The incarnation of the sender that wrote it; null without an agent. */
  fromIncarnation: z.int().nullable(),
  /** Id of the recipient. */
  to: id,
  /** Address of a fan-out: `topic:…`, `role:…` or `*`; null for a direct message. */
  address: z.string().nullable(),
  /** Id that the copies of a fan-out share; null for a direct message. */
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
  /** Time of the last delivery. */
  deliveredAt: timestamp.nullable(),
  /** Time of the recipient's first report that a model has seen it. */
  shownAt: timestamp.nullable(),
  /** The attempt to wake its recipient; null if it was not idle or the mode is not `steer`. */
  wake: messageWake.nullable(),
  /** Time at which it became acked, dead or expired. */
  endedAt: timestamp.nullable(),
  /** Number of deliveries since the last redrive. */
  attempt: z.int(),
  maxDeliver: z.int(),
  /** Number of redrives. */
  redrives: z.int(),
  lastError: z.string().nullable(),
})

/** A message handed to its recipient, with the receipt that acks it. */
export const delivery = message
  .pick({
    id: true,
    from: true,
    fromIncarnation: true,
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
    /**
     * Proof of this delivery. Valid until the message is taken back, at `ackBy` or up to 250 ms
     * later.
     */
    receipt: z.string(),
    /** Without an ack by then the message is redelivered after a backoff, or becomes `dead`. */
    ackBy: timestamp,
  })

/** Maximum number of deliveries without an ack: 1–1 000, default 100; ten more for `critical`. */
const maxAckPending = z.int().min(1).max(1_000).default(100)

export const messageInboxInput = z.strictObject({
  maxAckPending,
  ackWaitMs: ackWaitMs.default(defaultAckWaitMs),
  lastEventId: z.string().max(200).optional(),
})

export const messageReceiveInput = z.strictObject({
  /** Maximum number of messages: 1–100, default 10. */
  limit: z.int().min(1).max(100).default(10),
  waitMs: waitMs.default(0),
  /** The least urgent mode to hand out; less urgent messages stay. Default: `digest`, so all. */
  upTo: deliveryMode.default('digest'),
  /**
   * Maximum bytes of the payloads together. The first message that exceeds it stays pending, and so
   * do those after it. Default: one message of any size, or 1 MiB.
   */
  maxBytes: z.int().min(1).max(1_048_576).optional(),
  maxAckPending,
  ackWaitMs: ackWaitMs.default(defaultAckWaitMs),
})
export const messageReceiveOutput = z.object({
  messages: z.array(delivery),
  /** True if the reply is full, by `limit` or by its bytes, so that more messages may be ready. */
  more: z.boolean(),
})

const receiptFields = { messageId: id, receipt: z.string().min(1).max(64) }

/** Acks one delivery, or up to 200 at once in `acks`. */
export const messageAckInput = z.union([
  z.strictObject(receiptFields),
  z.strictObject({ acks: z.array(z.strictObject(receiptFields)).min(1).max(200) }),
])
/** For one delivery its id and status; for several, `results` in the order of the input. */
export const messageAckOutput = z.object({
  messageId: id.optional(),
  status: z.enum(messageStatuses).optional(),
  results: z
    .array(z.object({ messageId: id, status: z.enum(messageStatuses).nullable(), error: itemError.nullable() }))
    .optional(),
})

/** The status of a message after a change. */
export const messageTransitionOutput = z.object({ messageId: id, status: z.enum(messageStatuses) })

/** Asks for a redelivery after a delay. After its last delivery the message becomes `dead`. */
export const messageNakInput = z.strictObject({
  ...receiptFields,
  /** Delay in milliseconds: 0 to 86 400 000. Default: a backoff by the number of deliveries. */
  delayMs: z.int().min(0).max(86_400_000).optional(),
  error: z.string().max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/** Makes the message a dead letter at once, even if it has deliveries left. */
export const messageTermInput = z.strictObject({
  ...receiptFields,
  error: z.string().max(4_096).optional(),
  idempotencyKey: idempotencyKey.optional(),
})

/** Moves the ack deadline: it is then `ackWaitMs` from now. */
export const messageInProgressInput = z.strictObject({
  ...receiptFields,
  ackWaitMs: ackWaitMs.default(defaultAckWaitMs),
  /** Reports that a model has seen it; the first report notifies the sender. Default `false`. */
  shown: z.boolean().default(false),
})
export const messageInProgressOutput = z.object({ messageId: id, ackBy: timestamp })

/**
 * Durable: a subscription outlives incarnations until it is removed. At most 256 topics an agent.
 */
export const messageSubscribeInput = z.strictObject({ topic })
export const messageSubscribeOutput = z.object({
  topic,
  /** All topics of the caller now, sorted. */
  topics: z.array(topic),
})
export const maxTopicsPerAgent = 256

export const messageGetInput = z.strictObject({ messageId: id })

/** Messages of the caller, newest first. A tech-lead may list the messages of any agent. */
export const messageListInput = z.strictObject({
  /** `in`: received by the agent; `out`: sent by it. Default: both. */
  box: z.enum(['in', 'out']).optional(),
  /** Id or name of the agent. Only a tech-lead may name another one than itself. */
  agent: z.string().min(1).max(128).optional(),
  status: z.enum(messageStatuses).optional(),
  type: word.optional(),
  taskId: id.optional(),
  limit: pageLimit.default(100),
  /** `nextCursor` of the previous page. */
  cursor: z.string().max(64).optional(),
})
export const messageListOutput = z.object({ messages: z.array(message), nextCursor: z.string().nullable() })

/** The messages of a thread that the caller sent or received, oldest first; for a tech-lead all. */
export const messageThreadInput = z.strictObject({
  threadId: z.string().min(1).max(128),
  limit: pageLimit.default(100),
  cursor: z.string().max(64).optional(),
})
