import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, gt, isNull, lt, or, sql } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

/** One message for every fault of a credential: the details are for its holder only. */
export const invalidTokenError = () => new CoordinationError('UNAUTHENTICATED', 'the token is not valid here')

const incrementUses = statement(({ db, t, p }: StatementParts<{ keyId: string; now: number }>) =>
  db
    .update(t.credentials)
    .set({ uses: sql`${t.credentials.uses} + 1` })
    .where(
      and(
        eq(t.credentials.id, p.keyId),
        isNull(t.credentials.revokedAt),
        gt(t.credentials.expiresAt, p.now),
        or(isNull(t.credentials.maxUses), lt(t.credentials.uses, t.credentials.maxUses)),
      ),
    )
    .returning({ id: t.credentials.id })
    .prepare(),
)

/** Consumes one use of the key. An exhausted key fails like an unknown one. */
export async function consumeKeyUse(tx: Transaction, keyId: string): Promise<void> {
  const [consumed] = await tx.run(incrementUses, { keyId, now: tx.now })
  if (!consumed) throw invalidTokenError()
}

/**
 * The keys used since the last write. They are kept in memory, because a write for each call would
 * cost more than the call.
 */
export class LastKeyUse {
  #used = new Map<string, number>()

  record(keyId: string, at: number): void {
    this.#used.set(keyId, at)
  }

  takePending(): ReadonlyMap<string, number> {
    const used = this.#used
    this.#used = new Map()
    return used
  }
}
