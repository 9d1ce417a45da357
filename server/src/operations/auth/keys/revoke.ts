import type { keyRevokeInput, keyRevokeOutput } from '@tony/mcp-shared/auth'
import { and, eq, isNull } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../../domain/context.ts'
import { bootstrapKeyId } from '../../../domain/identity/bootstrap.ts'
import { findKey } from '../../../domain/identity/check-key.ts'
import { revokeSessionsOfKey } from '../../../domain/identity/session.ts'
import { actorOf } from '../../../domain/principal.ts'
import { iso } from '../../../platform/times.ts'
import { type StatementParts, statement, type Transaction } from '../../../store/store.ts'
import { keyNotFoundError } from './serialize.ts'

const markRevoked = statement(({ db, t, p }: StatementParts<{ keyId: string; now: number }>) =>
  db
    .update(t.credentials)
    .set({ revokedAt: p.now })
    .where(and(eq(t.credentials.id, p.keyId), isNull(t.credentials.revokedAt)))
    .returning({ id: t.credentials.id })
    .prepare(),
)

/**
 * Revokes a key and every session that began with it. Returns the number of sessions; undefined if
 * the key is unknown or was revoked before.
 */
export async function revokeKeyIn(tx: Transaction, keyId: string): Promise<number | undefined> {
  const [revoked] = await tx.run(markRevoked, { keyId, now: tx.now })
  return revoked ? (await revokeSessionsOfKey(tx, keyId)).length : undefined
}

export const revokeKey = (
  ctx: Context,
  { keyId }: z.output<typeof keyRevokeInput>,
): Promise<z.output<typeof keyRevokeOutput>> =>
  ctx.transact(async (tx) => {
    if (keyId === bootstrapKeyId) throw keyNotFoundError(keyId)
    const revokedSessions = await revokeKeyIn(tx, keyId)
    if (revokedSessions !== undefined) {
      const data = { keyId, revokedSessions }
      tx.append({ type: 'key.revoked', subject: null, actor: actorOf(ctx.principal), audience: [], data })
    }
    const [row] = await tx.run(findKey, { keyId })
    if (!row) throw keyNotFoundError(keyId)
    return { keyId, revokedAt: iso(row.revokedAt ?? tx.now), revokedSessions: revokedSessions ?? 0 }
  })
