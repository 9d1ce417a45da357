import { hash } from 'node:crypto'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import type { ReplyCodec } from '../domain/context.ts'
import { command, type Query, statement, type Transaction } from '../store/store.ts'

/** A caller's idempotency key, with its scope and the hash of its input. */
export interface IdempotencyKey {
  readonly project: string
  readonly principal: string
  readonly procedure: string
  readonly key: string
  readonly inputHash: string
}

/** How a stored reply is found and restored, where it is not the reply itself under its own key. */
interface StoredReplies<T> {
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

const findReply = statement(({ db, t, p }: Query<KeyParams>) =>
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

const insertReply = command(({ db, t, p }: Query<KeyParams & { inputHash: string; reply: string; now: number }>) =>
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
  const { idempotencyKey: _, ...rest } = { idempotencyKey: undefined, ...input }
  return hash('sha256', JSON.stringify(rest), 'base64url')
}

/** Throws IDEMPOTENCY_CONFLICT if the key was used with another input. */
async function findStored(
  tx: Transaction,
  { project, principal, procedure, key, inputHash }: IdempotencyKey,
): Promise<{ readonly reply: unknown } | undefined> {
  const [existing] = await tx.run(findReply, { project, principal, procedure, key })
  if (!existing) return undefined
  if (existing.inputHash !== inputHash)
    throw new CoordinationError('IDEMPOTENCY_CONFLICT', `key "${key}" was used for ${procedure} with another input`)
  return { reply: JSON.parse(existing.reply) }
}

/**
 * Runs `work`, or returns the stored reply if the key was used before. It runs inside the
 * transaction, so that the reply and its effect commit together. Only successes are stored.
 */
export async function runIdempotent<T>(
  tx: Transaction,
  id: IdempotencyKey,
  work: () => Promise<T>,
  { replay, whole }: StoredReplies<T> = {},
): Promise<T> {
  const { project, principal, procedure, key, inputHash } = id
  const stored = await findStored(tx, id)
  // The primary key includes the procedure, so the stored reply is of its type.
  if (stored) return replay ? replay.fromStored(tx, stored.reply) : (stored.reply as T)
  const storedWhole = whole && (await findStored(tx, { ...id, key: whole.key }))
  if (storedWhole) return whole.partOf(storedWhole.reply)
  const reply = await work()
  const kept = replay ? replay.toStored(reply) : reply
  if (kept !== undefined)
    await tx.run(insertReply, {
      project,
      principal,
      procedure,
      key,
      inputHash,
      reply: JSON.stringify(kept),
      now: tx.now,
    })
  return reply
}
