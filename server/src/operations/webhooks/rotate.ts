import { CoordinationError } from '@tony/mcp-shared/errors'
import type { webhookRotateInput, webhookRotateOutput } from '@tony/mcp-shared/webhooks'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { lockWebhook } from '../../domain/webhooks/rows.ts'
import { sealSecret, unsealSecret } from '../../domain/webhooks/secrets.ts'
import { isWebhookSecret, newSecret } from '../../domain/webhooks/signature.ts'
import { iso } from '../../platform/times.ts'
import { webhookNotFoundError } from './serialize.ts'

/**
 * `webhooks.rotate`: deliveries carry a signature of each secret until the overlap is over. A
 * rotation to the present secret changes nothing: it is the repetition of a call whose reply was
 * lost, and would end the secret before it.
 */
export async function rotateWebhook(
  ctx: Context,
  { webhookId, secret = newSecret(), overlapMs }: z.output<typeof webhookRotateInput>,
): Promise<z.output<typeof webhookRotateOutput>> {
  if (!isWebhookSecret(secret))
    throw new CoordinationError('INVALID_INPUT', 'secret: must be whsec_ followed by base64 of 24 to 64 bytes')
  return ctx.transact(async (tx) => {
    const { pepper } = ctx.identity
    const [row] = await tx.run(lockWebhook, { id: webhookId, project: ctx.principal.project })
    if (!row) throw webhookNotFoundError(webhookId)
    if (unsealSecret(pepper, row.secret) === secret)
      return { webhookId, secret, previousUntil: iso(row.previousUntil ?? tx.now) }
    const { webhooks: w } = tx.t
    const previousUntil = tx.now + overlapMs
    await tx.db
      .update(w)
      .set({ secret: sealSecret(pepper, secret), previousSecret: row.secret, previousUntil })
      .where(eq(w.id, webhookId))
    const data = { webhookId, previousUntil: iso(previousUntil) }
    tx.append({ type: 'webhook.rotated', subject: webhookId, actor: actorOf(ctx.principal), audience: [], data })
    return { webhookId, secret, previousUntil: iso(previousUntil) }
  })
}
