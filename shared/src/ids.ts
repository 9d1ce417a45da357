import { z } from 'zod'

/** A UUIDv7 string. It is time-ordered, which suits an index. */
export const id = z.uuid()

/** A point in time on the wire: ISO-8601 in UTC with milliseconds. */
export const timestamp = z.iso.datetime({ precision: 3 })

/**
 * A name, unique in its project: 1–128 characters. It has no control characters, no `:` and no `*`,
 * because `role:x`, `topic:x` and `*` are addresses. It does not have the form of an id, and no
 * white space at its ends.
 */
export const name = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}:*]+$/u, 'must not contain control characters, ":" or "*"')
  .refine((value) => value.trim() === value, 'must not begin or end with white space')
  .refine((value) => !isId(value), 'must not have the form of an id')

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** True if a string has the form of an id rather than of a name. */
export const isId = (value: string): boolean => uuidPattern.test(value)

/** A short word chosen by the caller: a type, an epic, a capability, a topic. 1–200 characters. */
export const word = z.string().min(1).max(200)

/** Free text, at most 65 536 characters. */
export const text = z.string().max(65_536)

/** Any JSON value. The server checks its depth, size and characters before any schema. */
export const json = z.unknown()

/** A JSON object with arbitrary keys. */
export const jsonObject = z.record(z.string(), z.unknown())

/**
 * Idempotency key of a mutation, 1–128 characters, unique per principal and procedure. For 24 h the
 * same key with the same input returns the first reply; with another input the call fails with
 * `IDEMPOTENCY_CONFLICT`.
 */
export const idempotencyKey = z.string().min(1).max(128)

/**
 * Longest wait of a blocking call on the server, in milliseconds: 0 to 60 000. The default is 0,
 * which returns at once.
 */
export const waitMs = z.int().min(0).max(60_000)

/** Maximum number of rows in a page: 1–500, default 100. */
export const pageLimit = z.int().min(1).max(500)
