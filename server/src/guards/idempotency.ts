import { hash } from 'node:crypto'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import type { ReplyCodec } from '../domain/context.ts'
import { type IdempotencyKey, type IdempotencySlot, idempotencySlotOf } from '../store/idempotency-slot.ts'
import { rowlessStatement, type StatementParts, statement, type Transaction } from '../store/store.ts'

/** How a stored reply is found and restored, where it is not the reply itself under its own key. */
interface ReplayOptions<T> {
  readonly replay?: ReplyCodec<T> | undefined
  /** The key of the call and the part of its reply, for a step of a call that has several. */
  readonly whole?: { readonly key: string; readonly partOf: (reply: unknown) => T } | undefined
}

interface KeyParams {
  project: string
  principal: string
  procedure: string
  key: string
}

const findSlot = statement(({ db, t, p }: StatementParts<{ second: number; hash: number }>) =>
  db
    .select({
      identity: t.idempotencyKeys.identity,
      inputHigh: t.idempotencyKeys.inputHigh,
      inputLow: t.idempotencyKeys.inputLow,
      reply: t.idempotencyKeys.reply,
    })
    .from(t.idempotencyKeys)
    .where(and(eq(t.idempotencyKeys.second, p.second), eq(t.idempotencyKeys.hash, p.hash)))
    .prepare(),
)

const insertSlot = rowlessStatement(({ db, t, p }: StatementParts<IdempotencySlot & { at: number; reply: string }>) =>
  db
    .insert(t.idempotencyKeys)
    .values({
      second: p.second,
      hash: p.hash,
      identity: p.identity,
      inputHigh: p.inputHigh,
      inputLow: p.inputLow,
      project: p.project,
      at: p.at,
      reply: p.reply,
    })
    .prepare(),
)

/** The reply of a key that is stored with its text. */
const findReply = statement(({ db, t, p }: StatementParts<KeyParams>) =>
  db
    .select({ inputHash: t.idempotency.inputHash, reply: t.idempotency.reply })
    .from(t.idempotency)
    .where(
      and(
        eq(t.idempotency.projectId, p.project),
        eq(t.idempotency.principal, p.principal),
        eq(t.idempotency.procedure, p.procedure),
        eq(t.idempotency.key, p.key),
      ),
    )
    .prepare(),
)

const insertReply = rowlessStatement(
  ({ db, t, p }: StatementParts<KeyParams & { inputHash: string; reply: string; now: number }>) =>
    db
      .insert(t.idempotency)
      .values({
        projectId: p.project,
        principal: p.principal,
        procedure: p.procedure,
        key: p.key,
        inputHash: p.inputHash,
        reply: p.reply,
        createdAt: p.now,
      })
      .prepare(),
)

/**
 * Returns the same hash for the same input. It hashes the parsed input, so that spelling out a
 * default changes nothing.
 */
export function hashInput(input: object): string {
  return hash('sha256', JSON.stringify({ ...input, idempotencyKey: undefined }), 'base64url')
}

interface FoundIdempotencyKey {
  /** The reply under the key; undefined if the key is new. */
  readonly stored: { readonly reply: unknown } | undefined
  readonly slot: IdempotencySlot
  /** True if a row of another key has the place of this one. */
  readonly isTaken: boolean
}

/** Throws IDEMPOTENCY_CONFLICT if the key was used with another input. */
async function findIdempotencyKey(tx: Transaction, id: IdempotencyKey): Promise<FoundIdempotencyKey> {
  const { project, principal, procedure, key, inputHash } = id
  const slot = idempotencySlotOf(id)
  // Sent together: with PostgreSQL the queries share one round trip.
  const [[row], [withText]] = await Promise.all([
    tx.run(findSlot, { second: slot.second, hash: slot.hash }),
    tx.run(findReply, { project, principal, procedure, key }),
  ])
  const own = row?.identity === slot.identity ? row : undefined
  const isTaken = row !== undefined && own === undefined
  const existing = own ?? withText
  if (!existing) return { stored: undefined, slot, isTaken }
  const isSameInput = own
    ? own.inputHigh === slot.inputHigh && own.inputLow === slot.inputLow
    : withText?.inputHash === inputHash
  if (!isSameInput)
    throw new CoordinationError('IDEMPOTENCY_CONFLICT', `key "${key}" was used for ${procedure} with another input`)
  return { stored: { reply: JSON.parse(existing.reply) }, slot, isTaken }
}

/**
 * Runs `work`, or returns the stored reply if the key was used before. It runs inside the
 * transaction, so that the reply and its effect commit together. Only successes are stored.
 */
export async function runIdempotent<T>(
  tx: Transaction,
  id: IdempotencyKey,
  work: () => Promise<T>,
  { replay, whole }: ReplayOptions<T> = {},
): Promise<T> {
  const { project, principal, procedure, key, inputHash } = id
  const { stored, slot, isTaken } = await findIdempotencyKey(tx, id)
  // The hash of a key includes the procedure, so the stored reply is of its type.
  if (stored) return replay ? replay.fromStored(tx, stored.reply) : (stored.reply as T)
  const { stored: storedWhole } = whole ? await findIdempotencyKey(tx, { ...id, key: whole.key }) : {}
  if (whole && storedWhole) return whole.partOf(storedWhole.reply)
  const value = await work()
  const kept = replay ? replay.toStored(value) : value
  if (kept === undefined) return value
  const reply = JSON.stringify(kept)
  if (isTaken) await tx.run(insertReply, { project, principal, procedure, key, inputHash, reply, now: tx.now })
  else await tx.run(insertSlot, { ...slot, at: tx.now, reply })
  return value
}
