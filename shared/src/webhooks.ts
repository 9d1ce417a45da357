import { z } from 'zod'
import { cursor, eventFilter } from './events.ts'
import { id, pageLimit, timestamp } from './ids.ts'

/**
 * The form of the bodies: `standard` has one event, `batch` has up to 100 in a list, and `mcp` is
 * the form of MCP Events.
 */
export const webhookFormats = ['standard', 'batch', 'mcp'] as const
export type WebhookFormat = (typeof webhookFormats)[number]

/** `suspended`: nothing is sent until the webhook is created again or redriven. */
export const webhookStates = ['active', 'suspended'] as const

/** The reason of a failed delivery. Nothing of the reply of the endpoint is in it. */
export const webhookErrors = [
  'connection_refused',
  'name_not_resolved',
  'address_refused',
  'timeout',
  'tls_error',
  'redirected',
  'http_4xx',
  'http_5xx',
  'challenge_failed',
] as const
export type WebhookError = (typeof webhookErrors)[number]

/** Events and bytes of one body of the format `batch`. A larger event is a body of its own. */
export const webhookBatch = { events: 100, bytes: 262_144 } as const

/** Webhooks of one project. */
export const webhookLimit = 100

/** Longest life of a webhook that expires, in milliseconds: one year. */
const longestTtlMs = 31_536_000_000

/** `whsec_` and 24 to 64 random bytes as base64. It signs the deliveries. */
export const webhookSecret = z
  .string()
  .max(100)
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'must be whsec_ followed by base64')

export const webhookUrl = z.string().min(1).max(2_048)

export const webhook = z.object({
  webhookId: id,
  url: webhookUrl,
  format: z.enum(webhookFormats),
  filter: eventFilter,
  state: z.enum(webhookStates),
  /** Every event up to here was delivered, given up or outside the filter. */
  cursor,
  createdAt: timestamp,
  /** Null: it does not expire. */
  expiresAt: timestamp.nullable(),
  deliveredAt: timestamp.nullable(),
  /** Failed attempts of the next delivery. */
  failures: z.int(),
  failingSince: timestamp.nullable(),
  lastError: z.enum(webhookErrors).nullable(),
  /** Time of the next attempt after a failure. */
  nextAttemptAt: timestamp.nullable(),
  deadLetters: z.int(),
})

/**
 * Creates a webhook, or renews the one with the same URL, format and filter of this caller: its
 * life, its secret and its state, but not its cursor. The endpoint has to return the challenge of a
 * first request.
 */
export const webhookCreateInput = z.strictObject({
  /** `https`; `http` only to a network of `MCP_WEBHOOK_CIDRS`. */
  url: webhookUrl,
  filter: eventFilter.default({}),
  format: z.enum(webhookFormats).default('standard'),
  /** Only events after this one. Default: only new events. */
  cursor: cursor.optional(),
  /** Life in milliseconds, from one minute to one year. Default: it does not expire. */
  ttlMs: z.int().min(60_000).max(longestTtlMs).optional(),
  /** Default: the present one, or a new one. */
  secret: webhookSecret.optional(),
})
export const webhookCreateOutput = webhook.extend({ secret: z.string() })

export const webhookListInput = z.strictObject({}).optional()
export const webhookListOutput = z.object({ webhooks: z.array(webhook) })

export const webhookDeleteInput = z.strictObject({ webhookId: id })
export const webhookDeleteOutput = z.object({ webhookId: id })

/** Replaces the secret. Deliveries are signed with both for `overlapMs`, by default one day. */
export const webhookRotateInput = z.strictObject({
  webhookId: id,
  secret: webhookSecret.optional(),
  overlapMs: z.int().min(0).max(604_800_000).default(86_400_000),
})
export const webhookRotateOutput = z.object({ webhookId: id, secret: z.string(), previousUntil: timestamp })

/** Deliveries that were given up, oldest first. */
export const webhookDeliveriesInput = z.strictObject({
  webhookId: id,
  limit: pageLimit.default(100),
  cursor: z.string().max(64).optional(),
})
export const webhookDeliveriesOutput = z.object({
  deadLetters: z.array(
    z.object({
      /** The header `webhook-id` of the delivery. */
      messageId: z.string(),
      seq: z.int(),
      attempts: z.int(),
      lastError: z.enum(webhookErrors),
      at: timestamp,
      /** True if it waits for another attempt after `webhooks.redrive`. */
      redriven: z.boolean(),
    }),
  ),
  nextCursor: z.string().nullable(),
})

/** Sends the oldest dead letters of a webhook again, and ends its suspension. */
export const webhookRedriveInput = z.strictObject({ webhookId: id, limit: z.int().min(1).max(500).default(500) })
export const webhookRedriveOutput = z.object({ redriven: z.int() })

/** Sends one signed body `{"type":"test"}` now. */
export const webhookTestInput = z.strictObject({ webhookId: id })
export const webhookTestOutput = z.object({ delivered: z.boolean(), error: z.enum(webhookErrors).nullable() })
