import { z } from 'zod'
import { id, idempotencyKey, pageLimit, timestamp, word } from './ids.ts'
import { itemError, message } from './messages.ts'

/** A message that was given up, with every failed delivery since its last redrive. */
export const deadLetter = message.extend({
  failures: z.array(
    z.object({
      attempt: z.int(),
      at: timestamp,
      /** `nak`, `term`, `ack wait over` or `inbox full`. */
      reason: z.string(),
      error: z.string().nullable(),
    }),
  ),
})

/** Which dead letters; all of the project when nothing is named. */
const deadLetterFilter = z.strictObject({
  messageIds: z.array(id).min(1).max(500).optional(),
  /** Id or name of the recipient. */
  to: z.string().min(1).max(128).optional(),
  /** Id or name of the sender. */
  from: z.string().min(1).max(128).optional(),
  type: word.optional(),
  /** Only those that died before. */
  before: timestamp.optional(),
})

/** Oldest first. A tech lead sees all, everyone else what they sent or received. */
export const deadLetterListInput = z.strictObject({
  filter: deadLetterFilter.default({}),
  limit: pageLimit.default(100),
  cursor: z.string().max(64).optional(),
})
export const deadLetterListOutput = z.object({ deadLetters: z.array(deadLetter), nextCursor: z.string().nullable() })

/** Puts dead letters back into an inbox with all their deliveries, each once however often the call is repeated. */
export const deadLetterRedriveInput = z.strictObject({
  filter: deadLetterFilter,
  /** Id or name of another agent to go to. Default: where they were. */
  to: z.string().min(1).max(128).optional(),
  /** 1–500, default 500. */
  limit: z.int().min(1).max(500).default(500),
  idempotencyKey: idempotencyKey.optional(),
})
export const deadLetterRedriveOutput = z.object({
  redriven: z.array(id),
  /** Left dead, because the mailbox they would go to is full or gone. */
  refused: z.array(z.object({ messageId: id, error: itemError })),
  /** Whether there are more: call again. */
  more: z.boolean(),
})

/** Removes dead letters for good; the conservation counter keeps their number. */
export const deadLetterPurgeInput = z.strictObject({
  filter: deadLetterFilter,
  limit: z.int().min(1).max(500).default(500),
  idempotencyKey: idempotencyKey.optional(),
})
export const deadLetterPurgeOutput = z.object({ purged: z.int(), more: z.boolean() })
