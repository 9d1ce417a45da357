import { z } from 'zod'
import { id, idempotencyKey, pageLimit, timestamp, word } from './ids.ts'
import { itemError, message } from './messages.ts'

/**
 * The reason of a failed delivery. `nak`: the recipient asked for another delivery. `term`: the
 * recipient gave the message up. `ack_timeout`: no ack came by `ackBy`. `inbox_full`: the inbox had
 * no space for its copy of a fan-out.
 */
export const deliveryFailureReason = z.enum(['nak', 'term', 'ack_timeout', 'inbox_full'])
export type DeliveryFailureReason = z.output<typeof deliveryFailureReason>

/** A message with the status `dead`, with every failed delivery since its last redrive. */
export const deadLetter = message.extend({
  failures: z.array(
    z.object({
      attempt: z.int(),
      at: timestamp,
      reason: deliveryFailureReason,
      error: z.string().nullable(),
    }),
  ),
})

/** Selects dead letters. An empty filter selects all of the project. */
const deadLetterFilter = z.strictObject({
  messageIds: z.array(id).min(1).max(500).optional(),
  /** Id or name of the recipient. */
  to: z.string().min(1).max(128).optional(),
  /** Id or name of the sender. */
  from: z.string().min(1).max(128).optional(),
  type: word.optional(),
  /** Only messages that became dead letters before this time. */
  before: timestamp.optional(),
})

/** Oldest first. A tech-lead gets all dead letters, another caller the sent or received ones. */
export const deadLetterListInput = z.strictObject({
  filter: deadLetterFilter.default({}),
  limit: pageLimit.default(100),
  cursor: z.string().max(64).optional(),
})
export const deadLetterListOutput = z.object({ deadLetters: z.array(deadLetter), nextCursor: z.string().nullable() })

/**
 * Returns dead letters to an inbox with a full number of deliveries. Each is returned once, even if
 * the call is repeated.
 */
export const deadLetterRedriveInput = z.strictObject({
  filter: deadLetterFilter,
  /** Id or name of another recipient. Default: the original recipient. */
  to: z.string().min(1).max(128).optional(),
  /** Maximum number of dead letters in one call: 1–500, default 500. */
  limit: z.int().min(1).max(500).default(500),
  idempotencyKey: idempotencyKey.optional(),
})
export const deadLetterRedriveOutput = z.object({
  redriven: z.array(id),
  /** Messages that stay dead because the target inbox is full or does not exist. */
  refused: z.array(z.object({ messageId: id, error: itemError })),
  /** True if there are more: call again. */
  more: z.boolean(),
})

/** Deletes dead letters. `system.metrics` still counts them as `purged`. */
export const deadLetterPurgeInput = z.strictObject({
  filter: deadLetterFilter,
  limit: z.int().min(1).max(500).default(500),
  idempotencyKey: idempotencyKey.optional(),
})
export const deadLetterPurgeOutput = z.object({ purged: z.int(), more: z.boolean() })
