import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, gt, isNull, lt, or, sql } from 'drizzle-orm'
import { type Query, statement, type Transaction } from '../../store/store.ts'

/** One sentence for whatever is wrong with a credential: which it is, only its holder may know. */
export const invalidToken = () => new CoordinationError('UNAUTHENTICATED', 'the token is not valid here')

const incrementUses = statement(({ db, t, p }: Query<{ keyId: string; now: number }>) =>
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

/** Takes one of the uses a key is good for. A spent one is refused as one that never was. */
export async function consumeKeyUse(tx: Transaction, keyId: string): Promise<void> {
  const [consumed] = await tx.run(incrementUses, { keyId, now: tx.now })
  if (!consumed) throw invalidToken()
}

/** Keys used since the last write: in memory, because a write for each call would cost more than the call. */
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
