import { z } from 'zod'

/** A UUIDv7 string: time-ordered, so it is friendly to an index. */
export const id = z.uuid()

/** A point in time on the wire: ISO-8601 in UTC with milliseconds. */
export const timestamp = z.iso.datetime({ precision: 3 })

/**
 * A name unique in its project. 1–128 characters; no control characters, no `:` and no `*`, because `role:x`, `topic:x`
 * and `*` address something else; never the form of an id.
 */
export const name = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}:*]+$/u, 'must not contain control characters, ":" or "*"')
  .refine((value) => value.trim() === value, 'must not begin or end with white space')
  .refine((value) => !isId(value), 'must not have the form of an id')

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether a string has the form of an id rather than of a name. */
export const isId = (value: string): boolean => uuid.test(value)

/** A short word chosen by the caller: a type, an epic, a capability, a topic. 1–200 characters. */
export const word = z.string().min(1).max(200)

/** Free text. At most 64 Ki characters. */
export const text = z.string().max(65_536)

/** Any JSON value. Depth, size and characters are checked at the edge of the server before any schema sees it. */
export const json = z.unknown()

/** A JSON object of the caller's own. */
export const jsonObject = z.record(z.string(), z.unknown())

/**
 * Chosen by the caller of a mutation that creates something, unique per principal and procedure: the same key with the
 * same input returns the first answer for 24 h; with another input it is `IDEMPOTENCY_CONFLICT`. 1–128 characters.
 */
export const idempotencyKey = z.string().min(1).max(128)

/** How long a blocking call may wait on the server, in milliseconds: 0 (return at once, the default) to 60 000. */
export const waitMs = z.int().min(0).max(60_000)

/** How many rows a list returns: 1–500, default 100. */
export const pageLimit = z.int().min(1).max(500)
