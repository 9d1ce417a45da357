import type { keyRotateInput, keyRotateOutput } from '@tony/mcp-shared/auth'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, gt, isNull, ne } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../../domain/context.ts'
import { bootstrapKeyId } from '../../../domain/identity/bootstrap.ts'
import { externalSecretHash, findKey } from '../../../domain/identity/check-key.ts'
import { formatKey, newKeySecret } from '../../../domain/identity/key-format.ts'
import { actorOf } from '../../../domain/principal.ts'
import { iso } from '../../../platform/times.ts'
import { keyNotFoundError, toApiKey } from './serialize.ts'

/**
 * `auth.keys.rotate`: at most two secrets are valid at a time, so a second rotation ends the oldest
 * at once.
 */
export async function rotateKey(
  ctx: Context,
  { keyId, overlapMs }: z.output<typeof keyRotateInput>,
): Promise<z.output<typeof keyRotateOutput>> {
  const secret = newKeySecret()
  const rotated = await ctx.transact(async (tx) => {
    const { credentials: c } = tx.t
    const previousUntil = tx.now + overlapMs
    const [row] = await tx.db
      .update(c)
      .set({ secretHash: ctx.identity.pepper.hash('key', keyId, secret), previousHash: c.secretHash, previousUntil })
      .where(
        and(
          eq(c.id, keyId),
          ne(c.id, bootstrapKeyId),
          ne(c.secretHash, externalSecretHash),
          isNull(c.revokedAt),
          gt(c.expiresAt, tx.now),
        ),
      )
      .returning()
    if (!row) {
      const [existing] = await tx.run(findKey, { keyId })
      if (!existing || keyId === bootstrapKeyId) throw keyNotFoundError(keyId)
      if (existing.secretHash === externalSecretHash)
        throw new CoordinationError(
          'ILLEGAL_TRANSITION',
          `key ${keyId} is an external identity without a secret: its issuer renews its tokens`,
        )
      throw new CoordinationError('ILLEGAL_TRANSITION', `key ${keyId} is revoked or has expired: create another`)
    }
    const data = { keyId, previousUntil: iso(previousUntil) }
    tx.append({ type: 'key.rotated', subject: null, actor: actorOf(ctx.principal), audience: [], data })
    return toApiKey(row)
  })
  return { ...rotated, key: formatKey(keyId, secret) }
}
